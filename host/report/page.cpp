#include "report/page.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "report/markup.h"

namespace selfsup::report {
namespace {

constexpr char kHead[] = R"(<meta name="viewport" content="width=device-width">
<meta name="generator" content="selfsup-host">
<style>
:root{--ground:#f6f8fa;--card:#fff;--ink:#1f2328;--soft:#57606a;--frame:#d0d7de;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ground:#010409;--card:#0d1117;--ink:#e6edf3;--soft:#9198a1;--frame:#30363d}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
main{max-width:880px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:17px;margin:36px 0 10px}
p{margin:6px 0;color:var(--soft)}
.card{background:var(--card);border:1px solid var(--frame);border-radius:8px;padding:14px 18px;margin:12px 0;overflow-x:auto}
.card>svg,.card>img{display:block;margin:0 auto;max-width:100%;height:auto}
table{border-collapse:collapse;width:100%}
td{padding:3px 0;vertical-align:top;overflow-wrap:anywhere}
td:first-child{color:var(--soft);white-space:nowrap;padding-right:24px;width:1%}
pre{margin:0;font:13px/1.45 ui-monospace,"DejaVu Sans Mono",monospace;white-space:pre}
pre.wrapped{white-space:pre-wrap;overflow-wrap:anywhere}
figure{margin:0}
figcaption{color:var(--soft);margin-top:10px}
summary{cursor:pointer;color:var(--soft)}
</style>
)";

std::string base64(const std::string& bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // EVP_EncodeBlock ends with a 0
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(length));
  return out;
}

std::string heading(const char* words) { return fmt::format("<h2>{}</h2>\n", words); }
std::string card(const std::string& inside) { return fmt::format("<div class=\"card\">\n{}</div>\n", inside); }
std::string lines(const std::string& text, const char* style = "") {
  return fmt::format("<pre{}>{}</pre>\n", style, escaped(text));
}
constexpr char kWrapped[] = " class=\"wrapped\"";

std::string facts_table(const Page& page) {
  std::string rows;
  for (const auto& [name, value] : page.facts)
    rows += fmt::format("<tr><td>{}</td><td>{}</td></tr>\n", escaped(name), escaped(value));
  return fmt::format("<table>\n{}</table>\n", rows);
}

std::string figure(const Figure& figure) {
  return fmt::format(
      "<figure class=\"card\">\n<img alt=\"{0}\" src=\"data:image/png;base64,{1}\">\n<figcaption>{2}</figcaption>\n"
      "</figure>\n",
      escaped(figure.name), base64(figure.png), escaped(figure.caption));
}

}  // namespace

std::string page_html(const Page& page) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n{1}</head>\n"
      "<body>\n<main>\n<h1>{0}</h1>\n<p>{2}</p>\n",
      escaped(page.title), kHead, escaped(page.outcome));
  if (!page.command.empty()) out += card(lines(page.command, kWrapped));
  if (!page.charts.empty()) out += heading("Course");
  for (const std::string& chart : page.charts) out += card(chart);
  if (!page.tables.empty()) out += heading("Features");
  for (const std::string& table : page.tables) out += card(lines(table, kWrapped));
  if (!page.figures.empty()) out += heading("Pictures");
  for (const Figure& each : page.figures) out += figure(each);
  if (!page.facts.empty()) out += heading("Run") + card(facts_table(page));
  if (!page.bad_files.empty()) {
    std::string list;
    for (const std::string& line : page.bad_files) list += line + "\n";
    out += heading("Images that could not be used") + card(lines(list));
  }
  if (!page.config.empty())
    out += heading("Configuration") +
           card(fmt::format("<details>\n<summary>every key, as it was resolved</summary>\n{}</details>\n",
                            lines(page.config)));
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace selfsup::report
