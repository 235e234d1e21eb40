// An encoder unlike those that come with the host: as many prefix tokens as wanted, none as well, trained positions,
// and patches that need not be square nor be embedded by themselves. tests/plugins/mae_rewrites_test.cpp hides its
// patches.
#include "ssp/cpp/plugin.hpp"

using namespace ssp;

namespace {

constexpr int64_t kDim = 16, kChannels = 3;

class BareTokens {
 public:
  static const char* schema() {
    return R"({"type": "object", "properties": {
      "type": {"type": "string"},
      "img_size": {"type": "array"},
      "patch": {"type": "array"},
      "prefix": {"type": "integer"},
      "margin": {"type": "integer", "default": 0, "description": "Pixels around a patch that its token is made of too."}
    }})";
  }
  explicit BareTokens(const Scope& s)
      : size_(s.get<std::vector<int64_t>>("img_size")),
        patch_(s.get<std::vector<int64_t>>("patch")),
        prefix_tokens_(s.get<int64_t>("prefix")),
        margin_(s.get("margin", int64_t{0})),
        weight_(s.parameter("embed.weight", {kDim, kChannels, patch_[0] + 2 * margin_, patch_[1] + 2 * margin_},
                            Init::normal(0, 0.2))),
        bias_(s.parameter("embed.bias", {kDim}, Init::normal(0, 0.2))),
        positions_(
            s.parameter("positions", {1, size_[0] / patch_[0] * (size_[1] / patch_[1]), kDim}, Init::normal(0, 0.2))),
        block_(s / "block", kDim, 4, 2 * kDim) {
    if (prefix_tokens_ > 0) prefix_ = s.parameter("prefix", {1, prefix_tokens_, kDim}, Init::normal(0, 0.2));
  }
  void info(int64_t h, int64_t w, ssp_token_info& out) const {
    out.prefix_tokens = static_cast<uint32_t>(prefix_tokens_);
    out.dim = out.out_dim = kDim;
    out.grid_h = out.out_grid_h = h / patch_[0];
    out.grid_w = out.out_grid_w = w / patch_[1];
    out.patch_h = patch_[0];
    out.patch_w = patch_[1];
    out.channels = kChannels;
    out.flags = margin_ == 0 ? SSP_TOKENS_PATCHWISE : 0;
  }
  Tensor embed(const Tensor& images, const Call&) const {
    return conv2d(images, weight_, bias_, patch_, {margin_, margin_}).flatten(2).transpose(1, 2);
  }
  Positions positions(int64_t, int64_t, const Call&) const { return {positions_, {}}; }
  Tensor encode(const EncodeInput& in, const Call& call) const {
    const int64_t B = in.tokens.size(0);
    return block_(prefix_ ? cat({prefix_.expand({B, prefix_tokens_, kDim}), in.tokens}, 1) : in.tokens, call);
  }

 private:
  std::vector<int64_t> size_, patch_;
  int64_t prefix_tokens_, margin_;
  Tensor weight_, bias_, positions_, prefix_;
  nn::Block block_;
};

}  // namespace

SSP_PLUGIN(tokens<BareTokens>("BareTokens"));
