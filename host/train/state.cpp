#include "train/state.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <utility>

#include "base/errors.h"
#include "distributed/values.h"
#include "train/state_dict.h"

namespace selfsup::train {
namespace {

constexpr std::string_view tensor_file_ending = ".safetensors";
constexpr const char* kEpochTold = "epoch_told";  // of the manifest's `extra`; missing: false

// Views of the tensors; `hold` keeps the copies of those that are not dense on the host.
std::vector<checkpoint::TensorView> views(const StateDict& tensors, std::vector<at::Tensor>& hold) {
  std::vector<checkpoint::TensorView> out;
  for (const auto& [name, tensor] : tensors) out.push_back(to_view(name, hold.emplace_back(tensor.cpu().contiguous())));
  return out;
}

}  // namespace

Position position_of(const checkpoint::Manifest& manifest) {
  return {manifest.iter, manifest.update, manifest.epoch, manifest.iter_in_epoch,
          manifest.extra.get_bool(kEpochTold, false)};
}

std::string save(const Keepers& keepers, const distributed::Group& group, checkpoint::CheckpointStore* store,
                 const std::string& name, const Position& position, checkpoint::Manifest manifest) {
  Kept kept;
  for (const Keeper& keeper : keepers) keeper.save(kept);  // some gather from all ranks
  if (!store) return distributed::broadcast_text(group, "");
  for (auto& [key, value] : kept.extra.as_object()) manifest.extra.set(key, value);
  manifest.buckets = std::move(kept.buckets);
  manifest.iter = position.iter;
  manifest.update = position.update;
  manifest.epoch = position.epoch;
  manifest.iter_in_epoch = position.iter_in_epoch;
  if (position.epoch_told) manifest.extra.set(kEpochTold, true);

  std::vector<at::Tensor> hold;
  const checkpoint::Metadata model_metadata = {{"format", "pt"}};
  std::vector<checkpoint::TensorFile> files;
  for (const auto& [file, tensors] : kept.tensors)
    files.push_back({file, views(tensors, hold), file == model_file ? model_metadata : checkpoint::Metadata()});
  std::vector<checkpoint::BlobFile> blobs;
  for (const auto& [file, bytes] : kept.blobs) blobs.push_back({file, bytes});
  return distributed::broadcast_text(group, store->save(name, std::move(manifest), files, blobs));
}

void restore(const Keepers& keepers, const checkpoint::Checkpoint& checkpoint) {
  std::vector<checkpoint::SafetensorsFile> mapped;  // the tensors lie in them
  Kept kept{checkpoint.path(), {}, {}, checkpoint.manifest().extra, checkpoint.manifest().buckets};
  for (const auto& [name, size, digest] : checkpoint.manifest().files) {
    if (name.ends_with(tensor_file_ending)) {
      kept.tensors[name] = tensors_in(mapped.emplace_back(checkpoint.tensors(name)));
    } else {
      kept.blobs[name] = checkpoint.blob(name);
    }
  }
  std::vector<std::function<void()>> take_in;
  for (const Keeper& keeper : keepers) take_in.push_back(keeper.load(kept));
  for (const auto& take : take_in) take();
}

}  // namespace selfsup::train
