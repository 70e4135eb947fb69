#include "hub/login/pages.h"

#include "hub/login/form.h"
#include "hub/login/username.h"

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

static const char style[] =
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1rem;"
    "color:#1d2430;background:#fff}"
    "h1{font-size:1.5rem}"
    "label{display:block;font-weight:600}"
    "input{font:inherit;padding:.4rem .6rem;width:100%;box-sizing:border-box;"
    "border:1px solid #6b7686;border-radius:.3rem}"
    "button,.button{display:inline-block;font:inherit;margin-top:1rem;padding:.5rem 1.2rem;"
    "border:0;border-radius:.3rem;color:#fff;background:#1f5fa8;text-decoration:none}"
    "button:focus,.button:focus,input:focus{outline:3px solid #f0a020}"
    ".mistake{color:#a01020;font-weight:600}"
    ".hint{color:#4a5462;font-size:.95rem}"
    "@media (prefers-color-scheme:dark){body{color:#e6eaf0;background:#14181f}"
    "input{color:inherit;background:#1f2530}.mistake{color:#ff9aa5}.hint{color:#aab4c2}}\n";

const struct slice page_style = {style, sizeof(style) - 1};

/* & < > " ' as entities: for text and for quoted attributes. */
static void page_escape(struct buffer *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&': buffer_append_str(out, "&amp;"); break;
        case '<': buffer_append_str(out, "&lt;"); break;
        case '>': buffer_append_str(out, "&gt;"); break;
        case '"': buffer_append_str(out, "&quot;"); break;
        case '\'': buffer_append_str(out, "&#39;"); break;
        default: buffer_append_char(out, text.ptr[i]);
        }
    }
}

static void begin(struct buffer *out, const char *title)
{
    buffer_append_str(out,
                      "<!doctype html>\n<html lang=\"hu\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<link rel=\"stylesheet\" href=\"" PAGES_STYLE_PATH "\">\n<title>");
    page_escape(out, slice_str(title));
    buffer_append_str(out, " – PÉK</title>\n</head>\n<body>\n<main>\n<h1>");
    page_escape(out, slice_str(title));
    buffer_append_str(out, "</h1>\n");
}

static void end(struct buffer *out)
{
    buffer_append_str(out, "</main>\n</body>\n</html>\n");
}

static void paragraph(struct buffer *out, const char *attributes, struct slice text)
{
    buffer_printf(out, "<p%s>", attributes);
    page_escape(out, text);
    buffer_append_str(out, "</p>\n");
}

void page_error_write(struct buffer *out, const struct page_error *page)
{
    begin(out, page->title);
    paragraph(out, " class=\"mistake\" role=\"alert\"", page->text);
    buffer_append_str(out, "<p><a class=\"button\" href=\"/auth/login");
    /* Percent-encoded, so that nothing is left to escape. */
    if (page->return_to.len > 0) {
        buffer_append_str(out, "?return_to=");
        form_encode(out, page->return_to);
    }
    buffer_append_str(out, "\">Újra belépek</a></p>\n<p><a href=\"/\">A főoldalra</a></p>\n");
    end(out);
}

void page_register_write(struct buffer *out, const struct page_register *page)
{
    begin(out, "Válassz felhasználónevet");
    if (page->name.len > 0) {
        buffer_append_str(out, "<p>Üdv, ");
        page_escape(out, page->name);
        buffer_append_str(out, "! Most vagy itt először.</p>\n");
    } else {
        buffer_append_str(out, "<p>Üdv! Most vagy itt először.</p>\n");
    }
    if (page->mistake.len > 0)
        paragraph(out, " class=\"mistake\" role=\"alert\" id=\"mistake\"", page->mistake);
    buffer_append_str(out, "<form method=\"post\" action=\"" PAGES_REGISTER_PATH "\">\n"
                           "<label for=\"username\">Felhasználónév</label>\n"
                           "<input id=\"username\" name=\"username\" required autofocus "
                           "autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" "
                           "minlength=\"" STRINGIFY(USERNAME_CHARS_MIN) "\" maxlength=\"" STRINGIFY(
                               USERNAME_CHARS_MAX) "\" aria-describedby=\"");
    buffer_append_str(out, page->mistake.len > 0 ? "mistake hint" : "hint");
    buffer_append_str(out, "\" value=\"");
    page_escape(out, page->username);
    buffer_append_str(
        out,
        "\">\n<p class=\"hint\" id=\"hint\">" STRINGIFY(USERNAME_CHARS_MIN) " to " STRINGIFY(
            USERNAME_CHARS_MAX) " "
                                "karakter: ékezet nélküli betűk, számjegyek, és nem az elején "
                                "pont, "
                                "kötőjel vagy aláhúzás. Mások ezen a néven találnak meg.</p>\n"
                                "<button type=\"submit\">Profil létrehozása</button>\n</form>\n");
    end(out);
}
