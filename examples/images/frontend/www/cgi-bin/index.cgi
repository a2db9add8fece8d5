#!/bin/sh
# GET /: the guestbook as a page.
. /usr/local/share/theme

title=${TITLE:-Guestbook}
if entries=$(timeout 5 wget -q -O - "${BACKEND_URL:-http://backend:8080}/cgi-bin/entries"); then
    reply "200 OK" "text/html; charset=utf-8"
else
    reply "502 Bad Gateway" "text/html; charset=utf-8"
    entries="(the backend does not answer)"
fi

cat <<PAGE
<!doctype html>
<title>$title</title>
<style>body { font-family: sans-serif; margin: 3em; border-left: 1em solid $color; padding-left: 2em }</style>
<h1>$title</h1>
<ul>
PAGE
printf '%s' "$entries" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/.*/<li>&<\/li>/'
cat <<PAGE
</ul>
<form method="post" action="/cgi-bin/sign"><input name="message" maxlength="280"> <button>Sign</button></form>
<p>frontend $version on $(hostname)</p>
PAGE
