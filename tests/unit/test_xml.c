/* The XML of servers: what is taken from it, and what is none. */
#include "../lib/unit.h"

#include "base/buf.h"
#include "text/xml.h"

static enum rc
note(void *arg, const char *parent, const char *name, const char *text, struct err *err)
{
    (void)err;
    buf_addf(arg, "%s/%s=%s|", parent, name, text);
    return RC_OK;
}

static enum rc
leaves(struct buf *out, const char *text, struct err *err)
{
    buf_init(out, 4096);
    return xml_leaves(text, strlen(text), "it", note, out, err);
}

static void
test_good(void **state)
{
    static const struct {
        const char *text, *leaves;
    } cases[] = {
        {"<a/>", "/a=|"},
        {"<?xml version='1.0'?>\n<D:a xmlns:D=\"DAV:\"> <D:b>x</D:b><c>y</c></D:a>\n",
         "a/b=x|a/c=y|"},
        {"<a><b x='>' y=\"/\">1</b><!-- <b>2</b> --><b/></a>", "a/b=1|a/b=|"},
        {"<a><b>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;&#xe9;&#x20ac;&#x1f600;</b></a>",
         "a/b=<&>\"'AB\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80|"},
        {"<a><![CDATA[<b>&amp;]]></a>", "/a=<b>&amp;|"},
        {"\xef\xbb\xbf<a>x<b>y</b>z</a>", "a/b=y|"},
        {"<a><b><c>1</c></b>2</a>", "b/c=1|"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        assert_ok(leaves(&out, cases[i].text, err));
        assert_string_equal(buf_str(&out), cases[i].leaves);
        buf_release(&out);
    }
}

static void
test_bad(void **state)
{
    static const char *const cases[] = {
        "", " ", "x", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a/>x", "x<a/>", "<a", "<a b='>",
        "<a>&x;</a>", "<a>&</a>", "<a>&#0;</a>", "<a>&#xd800;</a>", "<a>&#x110000;</a>",
        "<a>&#1;</a>", "<a>&#;</a>", "<a>&#x;</a>", "<a>&#99999999999999999999;</a>", "<a>\xff</a>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<!DOCTYPE html><html></html>", "<a><!--</a>",
        "<a><![CDATA[</a>", "<![CDATA[x]]><a/>", "<a><b</a>", "< a/>", "<a>&lt;</a >x", "&amp;<a/>",
        "<html><p>one<br>two</p></html>"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        assert_rc(leaves(&out, cases[i], err), RC_MALFORMED);
        buf_release(&out);
    }
}

static void
test_deep(void **state)
{
    struct buf text, out;
    (void)state;
    for (int depth = XML_DEPTH; depth <= XML_DEPTH + 1; depth++) {
        buf_init(&text, 4096);
        for (int i = 0; i < depth; i++)
            buf_adds(&text, "<a>");
        for (int i = 0; i < depth; i++)
            buf_adds(&text, "</a>");
        if (depth == XML_DEPTH)
            assert_ok(leaves(&out, buf_str(&text), err));
        else
            assert_rc(leaves(&out, buf_str(&text), err), RC_MALFORMED);
        buf_release(&out);
        buf_release(&text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
