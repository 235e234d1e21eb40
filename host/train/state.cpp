#include "train/state.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <string_view>
#include <unordered_map>

#include "base/errors.h"
#include "train/optimizers/tensor_views.h"

namespace selfsup::train {
namespace {

constexpr std::string_view scaler_prefix = "scaler/";

NamedTensors model_tensors(model::ParameterStore& model) {
  NamedTensors out;
  for (model::Entry& entry : model.entries())
    if (!entry.transient) out.emplace_back(entry.name, entry.tensor.detach());
  return out;
}

NamedTensors training_tensors(const Optimizer& optimizer, const GradScaler* scaler) {
  NamedTensors out = optimizer.state();
  if (scaler)
    for (const auto& [name, tensor] : scaler->state()) out.emplace_back(std::string(scaler_prefix) + name, tensor);
  return out;
}

// Views of the tensors; `hold` keeps the copies of those that are not dense on the host.
std::vector<checkpoint::TensorView> views(const NamedTensors& tensors, std::vector<at::Tensor>& hold) {
  std::vector<checkpoint::TensorView> out;
  for (const auto& [name, tensor] : tensors) out.push_back(to_view(name, hold.emplace_back(tensor.cpu().contiguous())));
  return out;
}

NamedTensors tensors_of(const checkpoint::SafetensorsFile& file) {
  NamedTensors out;
  for (const checkpoint::TensorView& view : file.tensors()) out.emplace_back(view.name, to_tensor(view));
  return out;
}

std::vector<checkpoint::TensorSpec> specs(const NamedTensors& tensors) {
  std::vector<checkpoint::TensorSpec> out;
  for (const auto& [name, tensor] : tensors)
    out.push_back({name, dtype_name(tensor.scalar_type()), tensor.sizes().vec()});
  return out;
}

std::string blob_name(const Task::State& state) {
  return fmt::format("state/{}.{}", state.component.empty() ? "algorithm" : state.component,
                     state.per_rank ? "rank0.bin" : "bin");
}

void copy_values(const NamedTensors& into, const NamedTensors& from) {
  at::NoGradGuard no_grad;
  std::unordered_map<std::string_view, const at::Tensor*> values;
  for (const auto& [name, tensor] : from) values.emplace(name, &tensor);
  for (const auto& [name, tensor] : into)
    if (const auto value = values.find(name); value != values.end()) tensor.copy_(*value->second);
}

}  // namespace

Position position_of(const checkpoint::Manifest& manifest) {
  return {manifest.iter, manifest.update, manifest.epoch, manifest.iter_in_epoch};
}

std::string RunState::save(checkpoint::CheckpointStore& store, const std::string& name, const Position& position,
                           checkpoint::Manifest manifest, std::vector<checkpoint::BlobFile> blobs) const {
  manifest.iter = position.iter;
  manifest.update = position.update;
  manifest.epoch = position.epoch;
  manifest.iter_in_epoch = position.iter_in_epoch;

  std::vector<at::Tensor> hold;
  const std::vector<checkpoint::TensorFile> files = {
      {model_file, views(model_tensors(model_), hold), {{"format", "pt"}}},
      {optimizer_file, views(training_tensors(optimizer_, scaler_), hold)}};

  const std::vector<Task::State> states = task_.save_state();
  Json::Array listed;
  for (const Task::State& state : states) {
    blobs.push_back({blob_name(state), {reinterpret_cast<const char*>(state.bytes.data()), state.bytes.size()}});
    listed.push_back(
        Json(Json::Object{{"component", state.component}, {"per_rank", state.per_rank}, {"file", blobs.back().name}}));
  }
  manifest.extra.set("states", Json(std::move(listed)));
  return store.save(name, std::move(manifest), files, blobs);
}

void RunState::restore(const checkpoint::Checkpoint& checkpoint) {
  const checkpoint::SafetensorsFile weights = checkpoint.tensors(model_file);
  const NamedTensors saved = tensors_of(weights), own = model_tensors(model_);
  const checkpoint::StrictReport report = checkpoint::compare(specs(own), specs(saved), /*check_dtype=*/true);
  if (!report.exact())
    throw Error(Exit::checkpoint, fmt::format("{} holds another model than this run's; to take only what fits, use "
                                              "--load-from. {}",
                                              checkpoint.path(), report.text()));

  const checkpoint::SafetensorsFile training = checkpoint.tensors(optimizer_file);
  NamedTensors optimizer, scaler;
  for (auto& [name, tensor] : tensors_of(training)) {
    if (name.starts_with(scaler_prefix)) {
      scaler.emplace_back(name.substr(scaler_prefix.size()), tensor);
    } else {
      optimizer.emplace_back(name, tensor);
    }
  }
  const bool has_scaler = scaler_ && !scaler.empty();
  if (has_scaler) {
    const auto fits = checkpoint::compare(specs(scaler_->state()), specs(scaler), /*check_dtype=*/true);
    if (!fits.exact())
      throw Error(Exit::checkpoint,
                  fmt::format("the loss scaler's state in {} is not one. {}", checkpoint.path(), fits.text()));
  }
  std::vector<Task::State> states;
  if (const Json* listed = checkpoint.manifest().extra.find("states")) {
    for (const Json& node : listed->as_array()) {
      const std::string bytes = checkpoint.blob(node.get("file").as_string());
      const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
      states.push_back(
          {node.get("component").as_string(), node.get("per_rank").as_bool(), {data, data + bytes.size()}});
    }
  }

  optimizer_.load_state(optimizer);  // all or nothing
  if (has_scaler) copy_values(scaler_->state(), scaler);
  copy_values(own, saved);
  task_.load_state(states);
}

checkpoint::StrictReport RunState::load_weights(const checkpoint::SafetensorsFile& file) {
  const NamedTensors found = tensors_of(file), own = model_tensors(model_);
  checkpoint::StrictReport report = checkpoint::compare(specs(own), specs(found), /*check_dtype=*/false);
  if (!report.mismatched.empty() || report.matched.empty())
    throw Error(Exit::checkpoint, fmt::format("{} does not fit this model. {}", file.path(), report.text()));
  copy_values(own, found);
  return report;
}

}  // namespace selfsup::train
