#include "run/album.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ctime>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "checkpoint/file.h"
#include "evaluate/reconstruction.h"
#include "evaluate/views.h"
#include "report/curve.h"
#include "report/table.h"
#include "report/terminal.h"
#include "run/attempt.h"
#include "run/command_text.h"

namespace selfsup::run {
namespace {

constexpr uint64_t kLargestFigure = 16u << 20;
constexpr size_t kMostBadFiles = 50;
constexpr int kColumns = 72, kRows = 9;

template <class Work>
void attempt_to_make(const std::string& what, const Work& work) {
  attempt(fmt::format("no {}: ", what), work);
}

std::string now_text() {
  char text[32];
  const std::time_t now = std::time(nullptr);
  std::tm local;
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", ::localtime_r(&now, &local));
  return text;
}

// Of the data: the last part of its folder's name, else its type.
std::string data_name(const Json& dataset) {
  const std::filesystem::path root = dataset.get_string("data_root", "");
  const std::string last = (root.has_filename() ? root : root.parent_path()).filename().string();
  return last.empty() || last == "." ? dataset.get_string("type", "image_folder") : last;
}

// A member as text; "" for none.
std::string text_at(const Json& tree, std::string_view path) {
  const Json* value = tree.at_path(path);
  return !value || value->is_null() ? "" : value->is_string() ? value->as_string() : to_text(*value);
}

std::string gauges_text(const report::History& history) {
  const report::Point *spread = history.last("probe/feature_std"), *rank = history.last("probe/effective_rank");
  if (!spread || !rank) return "";
  return report::table_text({{"have they collapsed?", "last probe"},
                             {"feature std", fmt::format("{:.3f}", spread->value)},
                             {"effective rank", fmt::format("{:.1f}", rank->value)}}) +
         "\nThe deviation of features of unit length is near 1 where they are spread, and 0 where they have collapsed "
         "to a point; the rank is how many dimensions they make use of.";
}

}  // namespace

Album::Album(Training& training, RunFolder& folder, const checkpoint::Manifest& manifest)
    : training_(training),
      folder_(folder),
      manifest_(manifest),
      writes_(training.config.report && training.group.rank() == 0) {}

std::vector<std::function<void()>> Album::pictures(const bridge::Step& step) {
  if (!training_.config.report) return {};  // ranks have equally many works, since they agree on a stop before each
  const Data& data = training_.data;
  const auto reconstruction = [this, &data, step] {
    return evaluate::draw_reconstruction(training_.model.algorithm, training_.model.preprocess, *data.dataset,
                                         data.pipeline, training_.seed, step);
  };
  const auto views = [this, &data] {
    return std::optional<evaluate::Captioned>(
        {evaluate::draw_views(*data.dataset, data.pipeline, data.views, training_.seed),
         "what training sees: images and their augmented views"});
  };
  const auto neighbours = [this] {
    auto shown = training_.evaluation->neighbours();
    if (shown) shown->caption.insert(0, "nearest neighbours by the run's features: ");
    return shown;
  };
  return {[=, this] { draw("reconstruction.png", reconstruction); }, [=, this] { draw("neighbours.png", neighbours); },
          [=, this] { draw("views.png", views); }};
}

void Album::draw(const std::string& name, const Draw& make) {
  if (!writes_) return;
  attempt_to_make(name, [&] {
    std::optional<evaluate::Captioned> drawn;
    training_.alone([&] { drawn = make(); });
    if (!drawn) return;
    folder_.require_ours();
    const std::string path = fmt::format("{}/{}", folder_.files(), name);
    evaluate::write_png(path, drawn->picture);
    figures_.push_back({name, drawn->caption, ""});
    log_info(fmt::format("drew {}; {}", path, drawn->caption));
  });
}

void Album::add_table(const std::string& text) { tables_.push_back(text); }

void Album::finish(const std::string& outcome, const std::vector<data::BadFile>& bad_files) {
  if (!writes_ || folder_.lost()) return;
  attempt_to_make("report", [&] {
    const report::History history(folder_.files() + "/metrics.jsonl");
    attempt_to_make("curve", [&] { write_curve(history); });
    const std::string path = folder_.files() + "/report.html";
    checkpoint::write_file(path, page(history, outcome, bad_files));
    log_info(fmt::format("the run in one page: {}", path));
  });
}

void Album::write_curve(const report::History& history) {
  report::Chart chart = report::loss_and_knn(history);
  if (chart.empty()) return;
  checkpoint::write_file(folder_.files() + "/curve.svg", report::chart_svg(chart));
  const report::Series* knn = history.find("probe/knn");
  if (!knn || knn->points.size() < 2) chart.right = {};  // one point is no curve; the probe's line has told it
  if (chart.points() > 1)
    log_info(fmt::format("\n{}\n", report::chart_text(chart, kColumns, kRows, report::locale_is_utf8())));
}

std::string Album::page(const report::History& history, const std::string& outcome,
                        const std::vector<data::BadFile>& bad) const {
  report::Page page;
  page.title = fmt::format("{} on {}", text_at(manifest_.config, "model.type"),
                           data_name(manifest_.config.get("train_dataloader").get("dataset")));
  page.outcome = fmt::format("{} · {}", outcome, now_text());
  page.command = command_text();
  page.facts = facts();
  page.charts = {report::chart_svg(report::loss_and_knn(history))};
  if (const report::Chart gauges = report::collapse_gauges(history); gauges.points() > 1)
    page.charts.push_back(report::chart_svg(gauges));
  if (const report::Chart rates = report::rates(history); rates.points() > 1)
    page.charts.push_back(report::chart_svg(rates));
  std::erase(page.charts, "");
  page.tables = tables_;
  page.tables.push_back(gauges_text(history));
  std::erase(page.tables, "");
  for (report::Figure figure : figures_)
    attempt_to_make(figure.name + " in the report", [&] {
      figure.png = RegularFile(fmt::format("{}/{}", folder_.files(), figure.name)).read_all(kLargestFigure);
      page.figures.push_back(std::move(figure));
    });
  for (size_t i = 0; i < std::min(bad.size(), kMostBadFiles); ++i)
    page.bad_files.push_back(fmt::format("{}: {}", bad[i].path, bad[i].reason));
  if (bad.size() > kMostBadFiles)
    page.bad_files.push_back(fmt::format("and {} more, which bad_files.txt lists", bad.size() - kMostBadFiles));
  page.config = to_text(manifest_.config, 2);
  return report::page_html(page);
}

std::vector<std::pair<std::string, std::string>> Album::facts() const {
  const config::RunConfig& config = training_.config;
  const model::ParameterStore& store = training_.model.store;
  std::vector<std::string> plugins;
  for (const auto& plugin : manifest_.plugins) plugins.push_back(fmt::format("{} {}", plugin.id, plugin.version));
  return {{"work folder", config.work_dir},
          {"algorithm", text_at(manifest_.config, "model.type")},
          {"parameters", std::to_string(store.count(model::Kind::parameter) + store.count(model::Kind::frozen))},
          {"data", fmt::format("{} images, {}", training_.data.dataset->size(),
                               text_at(manifest_.config, "train_dataloader.dataset"))},
          {"batch", fmt::format("{} images, {} an optimizer step{}", config.data.batch_size, config.accumulative_counts,
                                manifest_.world > 1 ? fmt::format(", on each of {} ranks", manifest_.world) : "")},
          {"length",
           fmt::format("{} iterations, {} an epoch", training_.course.max_iters(), training_.course.epoch_iters())},
          {"optimizer", text_at(manifest_.config, "optim_wrapper.optimizer")},
          {"seed", std::to_string(training_.seed)},
          {"device", fmt::format("{}, {} threads", training_.device.description, manifest_.threads)},
          {"plugins", fmt::format("{}", fmt::join(plugins, ", "))},
          {"selfsup-host", manifest_.host_version},
          {"LibTorch", manifest_.libtorch_version}};
}

}  // namespace selfsup::run
