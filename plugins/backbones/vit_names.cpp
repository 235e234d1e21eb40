#include "vit_names.hpp"

namespace {

struct Part {
  const char *own, *theirs;
};
// Parts of a block, and of the whole; each name begins with one of them.
constexpr Part kBlock[] = {
    {"ln1.", "norm1."}, {"ln2.", "norm2."}, {"ffn.layers.0.0.", "mlp.fc1."}, {"ffn.layers.1.", "mlp.fc2."}};
constexpr Part kWhole[] = {{"ln1.", "norm."}, {"patch_embed.projection.", "patch_embed.proj."}};

template <size_t N>
std::string replace_start(const std::string& name, const Part (&parts)[N]) {
  for (const Part& part : parts)
    if (name.rfind(part.own, 0) == 0) return part.theirs + name.substr(std::string(part.own).size());
  return name;
}

}  // namespace

std::string timm_name(const std::string& own) {
  const std::string blocks = "layers.";
  if (own.rfind(blocks, 0) != 0) return replace_start(own, kWhole);
  const size_t end = own.find('.', blocks.size()) + 1;
  return "blocks." + own.substr(blocks.size(), end - blocks.size()) + replace_start(own.substr(end), kBlock);
}
