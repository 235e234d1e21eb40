#include "decoder.hpp"

using namespace ssp;

namespace {

// What the configuration repeats must be what the backbone has.
void check_equal(const Scope& s, const char* key, int64_t found, const char* source) {
  const int64_t stated = s.get(key, found);
  require(stated == found, "`neck." + std::string(key) + "` is " + std::to_string(stated) + ", but " + source + " " +
                               std::to_string(found) + "; make them equal or leave the key out");
}

Tensor declare_positions(const Scope& s, int64_t dim, const ssp_token_info& e, bool row_first) {
  const int64_t prefix = e.prefix_tokens, cells = e.grid_h * e.grid_w;
  constexpr int64_t most = int64_t{1} << 26;  // numbers: 256 MiB
  require(cells <= most / dim, "`neck.decoder_embed_dim` " + std::to_string(dim) + " for " + std::to_string(cells) +
                                   " patches makes a table of positions of " + std::to_string(cells * dim) +
                                   " numbers; it may have " + std::to_string(most));
  std::vector<float> table = nn::sincos_2d(dim, e.grid_h, e.grid_w, row_first);
  table.insert(table.begin(), static_cast<size_t>(prefix * dim), 0.0f);
  return s.frozen("decoder_pos_embed", {1, prefix + cells, dim}, Init::data(std::move(table)), SSP_ROLE_EMBED);
}

}  // namespace

Decoder::Decoder(const Scope& scope, const ssp_token_info& e, const Patches& patches)
    : dim_(scope.at("neck").get("decoder_embed_dim", 512)),
      patches_(patches.count()),
      prefix_(e.prefix_tokens),
      mask_token_(scope.at("neck").parameter("mask_token", {1, 1, dim_}, Init::normal(0, 0.02), SSP_ROLE_TOKEN)),
      positions_(declare_positions(
          scope.at("neck"), dim_, e,
          scope.get("neck.pos_embed_order", scope.find<std::string>("backbone.pos_embed_order").value_or("row")) ==
              "row")),
      embed_(scope / "neck" / "decoder_embed", e.out_dim, dim_) {
  const Scope s = scope.at("neck");
  check_equal(s, "embed_dim", e.out_dim, "the backbone's tokens (`backbone.arch`) have width");
  check_equal(s, "patch_size", e.patch_h, "`backbone.patch_size` is");
  check_equal(s, "in_chans", e.channels, "the backbone's input (`backbone.in_channels`) has channels:");
  check_equal(s, "num_patches", patches_, "the backbone (`backbone.img_size`, `backbone.patch_size`) makes patches:");
  require(e.out_grid_h == e.grid_h && e.out_grid_w == e.grid_w,
          "MAE needs a backbone that keeps its grid of tokens; this one shrinks it");

  const int64_t heads = s.get("decoder_num_heads", 16);
  const auto hidden = static_cast<int64_t>(s.get("mlp_ratio", 4.0) * static_cast<double>(dim_));
  require(hidden > 0, "`neck.mlp_ratio` leaves an MLP no hidden number: times `neck.decoder_embed_dim`, " +
                          std::to_string(dim_) + ", it must be 1 or more");
  const int64_t depth = s.get("decoder_depth", 8);
  for (int64_t i = 0; i < depth; ++i) blocks_.emplace_back(s / "decoder_blocks" / i, dim_, heads, hidden, 1e-6);
  norm_.emplace(s / "ln1", dim_, 1e-6);
  pred_.emplace(s / "decoder_pred", dim_, patches.pixels());
}

Tensor Decoder::positions(const Tensor& order) const {
  const Tensor prefix = arange(0, prefix_, order).expand({order.size(0), prefix_});
  return embedding(positions_[0], cat({prefix, order + prefix_}, 1));
}

Tensor Decoder::operator()(const Tensor& latent, const Tensor& order, int64_t first, const Call& call) const {
  const int64_t B = latent.size(0), hidden = prefix_ + patches_ - latent.size(1), from = prefix_ + first;
  const Tensor known = embed_(latent);
  const Tensor fill = mask_token_.to(known.dtype()).expand({B, hidden, dim_});
  Tensor x = cat({known, fill}, 1) + positions(order);
  if (blocks_.empty()) x = x.slice(1, from);
  // Earlier blocks need every token, since the later ones look at all of them.
  for (const nn::Block& block : blocks_) x = block(std::move(x), call, {}, &block == &blocks_.back() ? from : 0);
  return (*pred_)((*norm_)(x));
}
