"""Other ways to write a whole file: line ends, marks, encodings."""


def windows(source):
    return source.replace(b"\n", b"\r\n")


def old_macintosh(source):
    return source.replace(b"\n", b"\r")


def marked(source):
    return b"\xef\xbb\xbf" + source


def without_last_newline(source):
    return source.rstrip(b"\n")


def with_form_feeds(source):
    return source.replace(b"\n\n", b"\n\f\n").replace(b"\ndef ", b"\n\fdef ").replace(b"\nclass ", b"\n\f class ")


# Under these names browsers, and the finder with them, do not read quite what Python reads (rule 1).
AS_BROWSERS_READ = {"shift_jis": "cp932", "gbk": "gb18030", "big5": "big5hkscs", "euc-kr": "cp949"}


def encoded(name):
    def encode(source):
        text = source.decode()
        lines = [f"# -*- coding: {name} -*-\n", *text.splitlines(keepends=True)]
        try:
            other = "".join(lines).encode(name)
        except (UnicodeEncodeError, LookupError):
            return source
        is_read_alike = other.decode(AS_BROWSERS_READ.get(name, name), "replace") == "".join(lines)
        return other if is_read_alike else source

    encode.__name__ = f"in_{name}"
    return encode


ENCODINGS = ["latin-1", "iso8859-15", "cp1252", "koi8-r", "shift_jis", "euc-jp", "gbk", "big5", "euc-kr", "utf-8"]
WRITINGS = [windows, old_macintosh, marked, without_last_newline, with_form_feeds, *map(encoded, ENCODINGS)]
