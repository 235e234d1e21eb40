// Owns what people look at when a run ends: pictures, curve and report.html in its folder. What cannot be made is a
// warning, and never the end of the run that it is of. Knows no loop.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/manifest.h"
#include "evaluate/picture.h"
#include "report/history.h"
#include "report/page.h"
#include "run/run_folder.h"
#include "run/training.h"

namespace selfsup::run {

class Album {
 public:
  // folder: the run's, which has begun; in one that is lost nothing is written. Of a run that wants no report
  // everything here does nothing; on other ranks than the first nothing is drawn or written.
  Album(Training& training, RunFolder& folder, const checkpoint::Manifest& manifest);

  // Draw the pictures, one after the other; `step` tells where the run stands. To be called while this lives.
  std::vector<std::function<void()>> pictures(const bridge::Step& step);
  // A result in words, to be shown in the report.
  void add_table(const std::string& text);
  // Draws the curve of metrics.jsonl, tells it in the log too, and writes the report. outcome: how the run ended.
  void finish(const std::string& outcome, const std::vector<data::BadFile>& bad_files);

 private:
  using Draw = std::function<std::optional<evaluate::Captioned>()>;  // none: there is nothing to show
  void draw(const std::string& name, const Draw& make);
  void write_curve(const report::History& history);
  std::string page(const report::History& history, const std::string& outcome,
                   const std::vector<data::BadFile>& bad_files) const;
  std::vector<std::pair<std::string, std::string>> facts() const;

  Training& training_;
  RunFolder& folder_;
  const checkpoint::Manifest& manifest_;
  const bool writes_;
  std::vector<std::string> tables_;
  std::vector<report::Figure> figures_;  // without their bytes
};

}  // namespace selfsup::run
