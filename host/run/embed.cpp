#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "base/log.h"
#include "checkpoint/file.h"
#include "cli/output.h"
#include "config/schema.h"
#include "data/loader/loader.h"
#include "exchange/npy.h"
#include "run/commands.h"
#include "run/data.h"
#include "run/trained.h"

namespace selfsup::run {
namespace {

constexpr const char* header = "index,path,label\n";

// --images FOLDER, labelled if its sub-folders are classes; else what training has learned from.
std::unique_ptr<data::Dataset> open_images(const cli::CommandLine& line, const Trained& trained) {
  data::Reading reading = reading_of(trained.config());
  if (!line.images) return data::make_dataset(trained.config().data.dataset, reading);
  reading.work_dir.clear();  // what is asked for by name is taken
  Json spec(Json::Object{{"type", "image_folder"}, {"data_root", *line.images}, {"channels", trained.view().channels}});
  set_source(spec, Source{"flag", "--images", 0, 0});
  config::throw_if_any(config::validate(spec, data::dataset_types().get("image_folder").schema, "", {}));
  return data::make_dataset(spec, reading);
}

// A field as RFC 4180 has it.
std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == text.npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string csv_row(const data::Dataset& images, int64_t index) {
  const int64_t label = images.has_labels() ? images.label(index) : -1;
  return fmt::format("{},{},{}\n", index, csv_field(images.describe(index)), label < 0 ? "" : std::to_string(label));
}

void write_csv(checkpoint::WholeFile& csv, const data::Dataset& images) {
  csv.content().write(header, std::string_view(header).size());
  for (int64_t i = 0; i < images.size(); ++i) {
    const std::string row = csv_row(images, i);
    csv.content().write(row.data(), row.size());
  }
  csv.commit();
}

at::Tensor features_of(Trained& trained, const std::vector<std::string>& layers, const data::Batch& batch) {
  const at::Tensor images = trained.model.preprocess.prepare(batch).views.front();
  return trained.model.algorithm.features(trained.at(), images, layers)
      .front()
      .value.flatten(1)
      .to(at::kCPU, at::kFloat)
      .contiguous();
}

}  // namespace

int embed_command(const cli::CommandLine& line) {
  if (!line.out)
    throw Error(Exit::usage, "embed needs --out NAME, which makes NAME.npy of the features and NAME.csv of the images");
  checkpoint::WholeFile csv(*line.out + ".csv");  // where there is no room for a file, nothing need be computed
  Trained trained(line);
  const data::ImageShape& view = trained.view();
  const std::unique_ptr<data::Dataset> images = open_images(line, trained);
  if (images->channels() != view.channels)
    throw Error(Exit::usage, fmt::format("the images have {} channels where the model has learned from {}",
                                         images->channels(), view.channels));
  const data::Pipeline pipeline(data::evaluation_pipeline(view.height, view.width));
  const config::DataConfig& data = trained.config().data;
  data::Loader loader(*images, pipeline,
                      {.batch_size = trained.config().probe ? trained.config().probe->batch_size : data.batch_size,
                       .num_workers = static_cast<int>(*data.num_workers),
                       .shuffle = false,
                       .max_bad_fraction = data.max_bad_fraction});
  std::vector<std::string> layers;
  if (trained.config().probe && !trained.config().probe->feature.empty())
    layers.push_back(trained.config().probe->feature);

  const at::NoGradGuard no_grad;
  std::optional<exchange::NpyFile> npy;
  loader.start(0, 0, /*go_on=*/false);
  int64_t row = 0, columns = 0;
  for (data::Batch batch; loader.next(batch); row += batch.size) {
    at::Tensor features = features_of(trained, layers, batch);
    if (!npy) npy.emplace(*line.out + ".npy", images->size(), columns = features.size(1));
    if (features.dim() != 2 || features.size(0) != batch.size || features.size(1) != columns)
      throw Error(Exit::failed, fmt::format("the algorithm's features have shape [{}] for {} images; [{}, {}] is due",
                                            fmt::join(features.sizes(), ", "), batch.size, batch.size, columns));
    // In the place of a bad image stands another, whose features are not its own.
    for (int64_t i = 0; i < batch.size; ++i)
      if (batch.sample_index[static_cast<size_t>(i)] != row + i)
        features[i].fill_(std::numeric_limits<float>::quiet_NaN());
    npy->write(features.const_data_ptr<float>(), batch.size);
  }
  npy->commit();
  write_csv(csv, *images);
  for (const data::BadFile& bad : loader.bad().files)
    log_warning(fmt::format("row {} is NaN: {}: {}", bad.index, bad.path, bad.reason));
  log_info(fmt::format("features of {} images, {} numbers each", row, columns));
  print_out(fmt::format("{0}.npy\n{0}.csv\n", *line.out));
  return 0;
}

}  // namespace selfsup::run
