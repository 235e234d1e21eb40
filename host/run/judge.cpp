#include <fmt/format.h>

#include "base/errors.h"
#include "base/log.h"
#include "checkpoint/file.h"
#include "cli/output.h"
#include "distributed/single_process.h"
#include "evaluate/evaluation.h"
#include "run/commands.h"
#include "run/data.h"
#include "run/trained.h"

namespace selfsup::run {
namespace {

// The lines of the log on stderr, the table on stdout.
int judge(const cli::CommandLine& line, evaluate::JudgedBy by) {
  if (line.out) checkpoint::WholeFile{*line.out};  // where there is no room for a file, nothing need be computed
  Trained trained(line);
  if (!trained.config().probe)
    throw Error(Exit::usage,
                "there is nothing to judge by: the configuration has no `probe`, two sets of images with labels; give "
                "them as probe.dataset and probe.test_dataset, in the file or after --cfg-options");
  const distributed::SingleProcess alone;
  const auto evaluation = evaluate::open_evaluation(trained.config(), reading_of(trained.config()), trained.view())(
      {trained.model.algorithm, trained.model.store, trained.model.preprocess, trained.seed(), alone, by});
  std::string table;
  const evaluate::Report report = [&](const std::string& text, const report::Scalars& numbers) {
    if (numbers.empty()) {
      table = text;
    } else {
      log_info(text);
    }
  };
  for (const auto& work : evaluation->closing(trained.at(), report)) work();
  for (const data::BadFile& bad : evaluation->bad_files())
    log_warning(fmt::format("not used: {}: {}", bad.path, bad.reason));
  print_out(table + "\n");
  if (!line.out) return 0;
  const auto shown = evaluation->neighbours();
  if (!shown) throw Error(Exit::data, "no neighbours were drawn: probe.test_dataset has no image that can be used");
  evaluate::write_png(*line.out, shown->picture);
  log_info(fmt::format("drew {}; {}", *line.out, shown->caption));
  return 0;
}

}  // namespace

int knn_command(const cli::CommandLine& line) { return judge(line, evaluate::JudgedBy::knn); }
int probe_command(const cli::CommandLine& line) { return judge(line, evaluate::JudgedBy::linear); }

}  // namespace selfsup::run
