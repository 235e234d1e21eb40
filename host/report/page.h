// Owns report.html: one file that shows a run, with nothing beside it. Knows no run: texts, numbers and pictures in,
// text out.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace selfsup::report {

struct Figure {
  std::string name, caption;
  std::string png;  // the file's bytes
};

// Plain texts; all are escaped. What is empty is left out.
struct Page {
  std::string title, outcome;
  std::string command;                                     // as a shell takes it
  std::vector<std::pair<std::string, std::string>> facts;  // name and value
  std::vector<std::string> charts;                         // <svg> elements
  std::vector<std::string> tables;                         // of aligned text
  std::vector<Figure> figures;
  std::vector<std::string> bad_files;  // a line each
  std::string config;                  // the whole one
};

std::string page_html(const Page& page);

}  // namespace selfsup::report
