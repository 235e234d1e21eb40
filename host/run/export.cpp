#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/log.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/store.h"
#include "cli/output.h"
#include "exchange/match.h"
#include "run/commands.h"
#include "run/trained.h"
#include "train/keeper.h"

namespace selfsup::run {
namespace {

namespace fs = std::filesystem;

constexpr const char* own_format = "safetensors";

// The tensors under the names of a format, and how many of each component have none in it.
struct Renamed {
  std::vector<checkpoint::TensorView> tensors;
  std::map<std::string, size_t> without;
};

void check_out(const std::string& out) {
  if (fs::path(out).extension() != ".safetensors")
    throw Error(Exit::usage,
                fmt::format("export writes safetensors, which torch, timm and torchvision load in two lines "
                            "(docs/weights.md): the file has to be called NAME.safetensors; found {}",
                            out));
  std::error_code failed;
  if (fs::is_directory(out, failed)) throw Error(Exit::usage, fmt::format("{} is a folder", out));
}

exchange::NamePairs names_of(bridge::Algorithm& algorithm, const std::string& format) {
  exchange::NamePairs names = algorithm.export_names(format);
  if (!names.empty()) return names;
  std::vector<std::string> has;
  for (const char* known : exchange::known_formats)
    if (!algorithm.export_names(known).empty()) has.emplace_back(known);
  has.emplace_back(own_format);
  throw Error(Exit::usage, fmt::format("--format {}: {} has no names in that format; it has {}", format,
                                       algorithm.label(), fmt::join(has, ", ")));
}

Renamed rename(const checkpoint::SafetensorsFile& file, const exchange::NamePairs& names) {
  Renamed renamed;
  std::set<std::string_view> own;
  std::map<std::string_view, std::string_view> owners;
  for (const auto& [name, theirs] : names) {
    const checkpoint::TensorView* view = file.find(name);
    if (!view) continue;  // a tensor that checkpoints do not keep
    if (const auto [other, is_new] = owners.emplace(theirs, name); !is_new)
      throw Error(Exit::plugin, fmt::format("{} and {} have both the name {} there", other->second, name, theirs));
    renamed.tensors.push_back(*view);
    renamed.tensors.back().name = theirs;
    own.insert(name);
  }
  for (const checkpoint::TensorView& view : file.tensors())
    if (!own.contains(view.name)) ++renamed.without[exchange::component_of(view.name)];
  return renamed;
}

// The model as its checkpoint describes it, without values: it knows the names.
exchange::NamePairs export_names(const TrainedConfig& from, const std::string& format) {
  const config::RunConfig& config = from.settings.config;
  const Past past = past_of(from, from.target);
  Model model(*from.prepared->registry, config, known_facts(config, past.seen, past.course, from.prepared->ranks),
              std::nullopt, at::kCPU, [](model::ParameterStore&) {});
  return names_of(model.algorithm, format);
}

}  // namespace

int export_command(const cli::CommandLine& line) {
  if (!line.format)
    throw Error(Exit::usage,
                fmt::format("export needs --format: {} or {}", fmt::join(exchange::known_formats, ", "), own_format));
  check_out(*line.out);
  exchange::NamePairs names;
  std::optional<checkpoint::Checkpoint> found;
  if (*line.format == own_format) {
    found = checkpoint::checkpoint_at(line.target);  // no plugin is needed
  } else {
    TrainedConfig from = open_trained_config(line, /*only_folder=*/true);
    names = export_names(from, *line.format);
    found = std::move(from.target);
  }
  const checkpoint::Checkpoint& checkpoint = *found;
  const checkpoint::SafetensorsFile file = checkpoint.tensors(train::model_file);
  const checkpoint::Manifest& manifest = checkpoint.manifest();
  const checkpoint::Metadata metadata = {
      {"format", "pt"},
      {"names", *line.format},
      {"algorithm", manifest.config.at_path("model.type") ? manifest.config.at_path("model.type")->as_string() : ""},
      {"iteration", std::to_string(manifest.iter)},
      {"written_by", "selfsup-host " SELFSUP_VERSION}};
  Renamed renamed{file.tensors(), {}};
  if (*line.format != own_format) renamed = rename(file, names);
  checkpoint::write_safetensors(*line.out, renamed.tensors, metadata);
  std::string rest;
  for (const auto& [component, count] : renamed.without)
    rest += fmt::format("{}{} of {}", rest.empty() ? "; without a name there, so left out: " : ", ", count,
                        component.empty() ? "the algorithm's own" : component);
  log_info(fmt::format("{}, iteration {}: {} tensors by the names of {}{}", checkpoint.path(), manifest.iter,
                       renamed.tensors.size(), *line.format, rest));
  print_out(*line.out + "\n");
  return 0;
}

}  // namespace selfsup::run
