-- Asks Sallyport about a request before HAProxy passes it to the site. HAProxy 2.6 or newer, no other module needed.
--
--   http-request lua.sallyport <address of the listener that leads to the Worker> <path of the question>
--
-- The question is a GET with the headers of the request, as HAProxy has set them so far, and without its body. A 200 has the
-- visitor's identity, and the request continues with it. Every other response goes to the client unchanged: a redirect to the
-- sign-in page, problem JSON, a failure of the Worker. Without a response the client gets a 503.

-- In milliseconds. Longer than `timeout server` of the backend, because its 504 says more than a missing response.
local patience = 20000

-- The identity that Sallyport names. They are always replaced, so that no header of a client stays.
local identity_headers = { "remote-user", "remote-email", "x-sallyport-assertion" }

-- Headers about the client's connection or the body: the question has neither. `accept-encoding`: this script cannot decompress
-- a response.
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

-- HAProxy sets these itself for the response that it sends.
local not_returned = {
  ["connection"] = true,
  ["keep-alive"] = true,
  ["transfer-encoding"] = true,
  ["content-length"] = true,
}

-- Headers are tables of names to values. HAProxy counts the values of a request from 0, and those of a response from 1.
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
    -- The name in the URL is not looked up: `dst` is the address, and `host` is among the headers.
    url = "http://sallyport" .. path,
    dst = address,
    headers = headers,
    timeout = patience,
  })
end

-- The name of a cookie as servers may read it: unescaped, without quotes, and with `_` for every character except
-- letters and digits.
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

-- Removes Sallyport's cookies, which give access to the visitor's account. Some servers read a comma as the end of a cookie.
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

local function pass(txn, response)
  hide_cookies(txn)
  for _, name in ipairs(identity_headers) do
    local values = response.headers[name]
    local value = values and (values[0] or values[1]) or ""
    txn.http:req_del_header(name)
    if value ~= "" then txn.http:req_set_header(name, value) end
  end
  -- Sallyport has renewed the session cookie. A rule of `http-response` passes it on.
  local cookies = response.headers["set-cookie"]
  if cookies then txn:set_var("txn.sallyport_set_cookie", cookies[0] or cookies[1]) end
  -- Set it last: after a failure above, the request is refused.
  txn:set_var("txn.sallyport_passed", "yes")
end

local function refuse(txn, response)
  txn:done(txn:reply({
    status = response.status,
    headers = copy_headers(response.headers, not_returned),
    body = response.body,
  }))
end

core.register_action("sallyport", { "http-req" }, function(txn, address, path)
  local asked, response = pcall(ask, txn, address, path)
  if not asked or type(response) ~= "table" or (response.status or 0) < 200 then
    refuse(txn, { status = 503, headers = { ["cache-control"] = { "no-store" } }, body = "" })
  elseif response.status == 200 then
    pass(txn, response)
  else
    refuse(txn, response)
  end
end, 2)
