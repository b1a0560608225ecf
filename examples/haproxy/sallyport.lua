-- Asks Sallyport about a request before HAProxy passes it to the site. HAProxy 2.6 or newer, no other module needed.
--
--   http-request lua.sallyport <address of the listener that leads to the Worker> <path of the question>
--
-- The question is a GET with the headers of the request, as HAProxy has set them up to here, and nothing of its body. A
-- 200 names the visitor, and the request goes on with that name. Anything else is the answer to the visitor, word for
-- word: a redirect to the sign-in page, problem JSON, a failure of the Worker. So is no answer at all, as a 503.

-- In milliseconds, and longer than `timeout server` of the backend, whose 504 says more than no answer.
local patience = 20000

-- What Sallyport says about the visitor. It is always set here, so that nothing that a client sends stays.
local identity_headers = { "remote-user", "remote-email", "x-sallyport-assertion" }

-- They belong to the connection or to the body, and the question has neither of the two. `accept-encoding`: nothing here
-- can unpack an answer.
local not_asked = {
  ["connection"] = true,
  ["upgrade"] = true,
  ["keep-alive"] = true,
  ["te"] = true,
  ["trailer"] = true,
  ["transfer-encoding"] = true,
  ["content-length"] = true,
  ["expect"] = true,
  ["accept-encoding"] = true,
}

-- HAProxy writes these anew for the answer that it sends.
local not_answered = {
  ["connection"] = true,
  ["keep-alive"] = true,
  ["transfer-encoding"] = true,
  ["content-length"] = true,
}

-- Headers are tables of name to values; HAProxy counts the values of a request from 0, those of an answer from 1.
local function copy_headers(headers, without)
  local copies = {}
  for name, values in pairs(headers) do
    if not without[name] then
      copies[name] = {}
      for i = 0, #values do
        if values[i] ~= nil then table.insert(copies[name], values[i]) end
      end
    end
  end
  return copies
end

local function ask(txn, address, path)
  local headers = copy_headers(txn.http:req_get_headers(), not_asked)
  headers["x-forwarded-method"] = { txn.sf:method() }
  headers["x-forwarded-uri"] = { txn.sf:pathq() }
  return core.httpclient():get({
    -- The name in the URL is never looked up: `dst` says where to go, and `host` comes with the headers.
    url = "http://sallyport" .. path,
    dst = address,
    headers = headers,
    timeout = patience,
  })
end

-- The name of a cookie as servers may read it: unescaped, without quotes, and with `_` for every character but letters
-- and digits.
local function fold(name)
  for _ = 1, 3 do
    name = name:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
  end
  return (name:gsub("[\"'%s]", ""):match("^[^%[]*"):lower():gsub("[^a-z0-9]", "_"))
end

local function is_own_cookie(cookie)
  local name = fold(cookie:match("^%s*=*([^=]*)"))
  return name == "__host_sallyport" or name:sub(1, 17) == "__host_sallyport_"
end

-- The site does not get the keys to the visitor's account. Some servers take a comma for the end of a cookie.
local function hide_cookies(txn)
  local lines = txn.http:req_get_headers()["cookie"]
  if not lines then return end
  txn.http:req_del_header("cookie")
  for i = 0, #lines do
    local kept = ""
    for separator, cookie in (";" .. lines[i]):gmatch("([;,])([^;,]*)") do
      if not is_own_cookie(cookie) then kept = kept .. separator .. cookie end
    end
    local line = kept:gsub("^[;,]%s*", "")
    if line ~= "" then txn.http:req_add_header("cookie", line) end
  end
end

local function pass(txn, answer)
  hide_cookies(txn)
  for _, name in ipairs(identity_headers) do
    local values = answer.headers[name]
    local value = values and (values[0] or values[1]) or ""
    txn.http:req_del_header(name)
    if value ~= "" then txn.http:req_set_header(name, value) end
  end
  -- Now and then Sallyport renews the session. `http-response` passes it on.
  local cookies = answer.headers["set-cookie"]
  if cookies then txn:set_var("txn.sallyport_set_cookie", cookies[0] or cookies[1]) end
  -- Last, because it opens the door: whatever fails above leaves it shut.
  txn:set_var("txn.sallyport_passed", "yes")
end

local function refuse(txn, answer)
  txn:done(txn:reply({
    status = answer.status,
    headers = copy_headers(answer.headers, not_answered),
    body = answer.body,
  }))
end

core.register_action("sallyport", { "http-req" }, function(txn, address, path)
  local asked, answer = pcall(ask, txn, address, path)
  if not asked or type(answer) ~= "table" or (answer.status or 0) < 200 then
    refuse(txn, { status = 503, headers = { ["cache-control"] = { "no-store" } }, body = "" })
  elseif answer.status == 200 then
    pass(txn, answer)
  else
    refuse(txn, answer)
  end
end, 2)
