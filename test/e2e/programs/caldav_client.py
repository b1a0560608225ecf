"""Uses a calendar with the library caldav: python3 caldav_client.py URL USERNAME PASSWORD COOKIE.

Creates a calendar (MKCOL with a body, RFC 5689), adds an event (PUT), finds it by its time (REPORT), changes and deletes it. Writes the
summaries that it has read, one in each line.
"""

import sys
from datetime import datetime, timezone

import caldav

url, username, password, cookie = sys.argv[1:]
client = caldav.DAVClient(url=url, username=username, password=password)
client.headers["Cookie"] = cookie
NEW_CALENDAR = """<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop>
<resourcetype><collection/><C:calendar/></resourcetype><displayname>Wonderland</displayname></prop></set></mkcol>"""
home = client.principal().calendar_home_set
client.mkcol(str(home.url.join("wonderland/")), NEW_CALENDAR)
(calendar,) = home.calendars()

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Sallyport//e2e//EN
BEGIN:VEVENT
UID:tea@example.com
DTSTAMP:20260101T000000Z
DTSTART:20260301T160000Z
DTEND:20260301T170000Z
SUMMARY:A mad tea-party ☕
END:VEVENT
END:VCALENDAR
"""
calendar.save_event(EVENT)


def find():
    found = calendar.date_search(
        start=datetime(2026, 3, 1, tzinfo=timezone.utc), end=datetime(2026, 3, 2, tzinfo=timezone.utc)
    )
    for event in found:
        print(event.vobject_instance.vevent.summary.value)
    return found


(event,) = find()
event.vobject_instance.vevent.summary.value = "The trial"
event.save()
(event,) = find()
event.delete()
assert find() == [], "the event is still there"
calendar.delete()
