#include "resnet.hpp"

using namespace ssp;

namespace {

std::string text(int64_t n) { return std::to_string(n); }

// Of a convolution or pool whose padding is half its kernel: ceil(pixels / stride).
int64_t strided(int64_t pixels, int64_t stride) { return (pixels + stride - 1) / stride; }

}  // namespace

ResNet::ResNet(const Scope& scope)
    : config_(scope),
      stem_(conv_norm(scope.depth(0) / "conv1", scope.depth(0) / "bn1", config_.in_channels, config_.stem_channels,
                      config_.stem.kernel, config_.stem.stride)) {
  map_names_.push_back("stem");
  int64_t channels = config_.stem_channels;
  int32_t depth = 0;
  for (const ResNetConfig::Stage& stage : config_.stages) {
    map_names_.push_back("layer" + text(static_cast<int64_t>(map_names_.size())));
    std::vector<Block>& blocks = stages_.emplace_back();
    for (int64_t i = 0; i < stage.blocks; ++i) {
      blocks.push_back(block(scope.depth(++depth) / map_names_.back() / i, channels, stage, i == 0 ? stage.stride : 1));
      channels = stage.out_channels;
    }
  }
  for (const NamedParameter& p : scope.list("", SSP_PARAM | SSP_PARAM_FROZEN | SSP_BUFFER))
    tensor_names_.push_back(p.name);
}

ResNet::ConvNorm ResNet::conv_norm(const Scope& conv, const Scope& norm, int64_t in, int64_t out, int64_t kernel,
                                   int64_t stride, double norm_begins) const {
  const Init init = Init::kaiming_normal(std::sqrt(2.0), /*fan_out=*/true);
  nn::Conv2d c(conv, in, out, kernel, stride, kernel / 2, /*with_bias=*/false, init);
  return {std::move(c),
          nn::BatchNorm(norm, out, /*affine=*/true, config_.sync, config_.momentum, config_.eps, norm_begins)};
}

ResNet::Block ResNet::block(const Scope& s, int64_t in, const ResNetConfig::Stage& stage, int64_t stride) const {
  struct Part {
    int64_t out, kernel, stride;
  };
  const std::vector<Part> parts =
      config_.bottleneck
          ? std::vector<Part>{{stage.channels, 1, 1}, {stage.channels, 3, stride}, {stage.out_channels, 1, 1}}
          : std::vector<Part>{{stage.channels, 3, stride}, {stage.out_channels, 3, 1}};
  Block b;
  int64_t channels = in;
  for (const Part& part : parts) {
    const std::string n = text(static_cast<int64_t>(b.convs.size()) + 1);
    const double begins = b.convs.size() + 1 == parts.size() && config_.zero_init_residual ? 0 : 1;
    b.convs.push_back(
        conv_norm(s / ("conv" + n), s / ("bn" + n), channels, part.out, part.kernel, part.stride, begins));
    channels = part.out;
  }
  if (stride != 1 || in != stage.out_channels)
    b.shortcut = conv_norm(s / "downsample.0", s / "downsample.1", in, stage.out_channels, 1, stride);
  return b;
}

Tensor ResNet::Block::operator()(const Tensor& x, const Call& call) const {
  Tensor y = x;
  for (size_t i = 0; i + 1 < convs.size(); ++i) y = convs[i](y, call);
  return convs.back()(y, call, shortcut ? shortcut->without_relu(x, call) : x);
}

std::vector<ResNet::Size> ResNet::sizes(int64_t h, int64_t w) const {
  if (h < 1 || w < 1) throw Error(SSP_E_ARGUMENT, "images of " + text(h) + "x" + text(w) + " pixels have no layers");
  h = strided(h, config_.stem.stride);
  w = strided(w, config_.stem.stride);
  std::vector<Size> all = {{config_.stem_channels, h, w}};
  const int64_t pool = config_.stem.pool ? 2 : 1;
  h = strided(h, pool);
  w = strided(w, pool);
  for (const ResNetConfig::Stage& stage : config_.stages) {
    h = strided(h, stage.stride);
    w = strided(w, stage.stride);
    all.push_back({stage.out_channels, h, w});
  }
  return all;
}

std::vector<LayerInfo> ResNet::layers(int64_t h, int64_t w) const {
  const std::vector<Size> maps = sizes(h, w);
  const auto main = static_cast<size_t>(config_.main_stage);
  std::vector<LayerInfo> all;
  for (size_t i = 0; i < maps.size(); ++i)
    all.push_back({map_names_[i], SSP_SHAPE_MAP, maps[i].channels, maps[i].h, maps[i].w, 0, i == main});
  all.push_back({"mean", SSP_SHAPE_VECTOR, maps[main].channels});
  return all;
}

void ResNet::check_statistics(int64_t batch, const Size& deepest, const std::string& layer) const {
  if (batch * deepest.h * deepest.w != 1) return;
  throw Error(SSP_E_CONFIG, "batch norm needs two values of each channel, and one image leaves " + layer +
                                " a single one (a map of 1x1): take a larger batch or larger images");
}

Outputs ResNet::forward(const ForwardInput& in, const Call& outer) const {
  const auto [B, C, H, W] = in.images.sizes<4>();
  if (C != config_.in_channels)
    throw Error(SSP_E_CONFIG,
                "`in_channels` is " + text(config_.in_channels) + ", the images have " + text(C) + " channels");
  const auto main = static_cast<size_t>(config_.main_stage);
  size_t last = 0;  // the deepest map that somebody needs
  for (size_t i = 0; i < map_names_.size(); ++i)
    if (in.wants(map_names_[i]) || (i == main && in.wants("mean"))) last = i;
  const Call call = config_.norm_eval ? outer.eval("norm_eval") : outer;
  if (call.training()) check_statistics(B, sizes(H, W)[last], map_names_[last]);

  Outputs out;
  const auto emit = [&](size_t i, const Tensor& map) {
    if (in.wants(map_names_[i])) out.push_back({map_names_[i], map});
    if (i == main && in.wants("mean")) out.push_back({"mean", map.mean({2, 3})});
  };
  Tensor x = stem_(in.images, call);
  emit(0, x);
  if (last > 0 && config_.stem.pool) x = max_pool2d(x, {3, 3}, {2, 2}, {1, 1});
  for (size_t i = 1; i <= last; ++i) {
    for (const Block& block : stages_[i - 1]) x = block(x, call);
    emit(i, x);
  }
  return out;
}

NamePairs ResNet::names(std::string_view format) const {
  NamePairs pairs;
  if (format == "torchvision" || format == "timm" || format == "mmselfsup")
    for (const std::string& own : tensor_names_) pairs.emplace_back(own, own);
  return pairs;
}
