// ssp.batch_norm against recorded values (families batchnorm_*): one process that holds all ranks' rows.
#include "bridge/support/window.h"
#include "checkpoint/safetensors.h"
#include "reference.h"

namespace selfsup::bridge::testing {
namespace {

struct Values {
  const checkpoint::SafetensorsFile& file;
  std::string prefix;
  bool has(const std::string& name) const { return file.find(prefix + name) != nullptr; }
  at::Tensor operator()(const std::string& name) const {
    const checkpoint::TensorView* view = file.find(prefix + name);
    INFO(prefix + name);
    REQUIRE(view != nullptr);
    REQUIRE(view->dtype == "F32");
    at::Tensor t = at::empty(view->shape, at::kFloat);
    std::memcpy(t.mutable_data_ptr(), view->data, view->bytes);
    return t;
  }
  at::Tensor over_ranks(const std::string& name, size_t ranks) const {
    std::vector<at::Tensor> parts;
    for (size_t r = 0; r < ranks; ++r) parts.push_back((*this)("rank" + std::to_string(r) + "/" + name));
    return at::cat(parts);
  }
};

bool close(const at::Tensor& a, const at::Tensor& b) { return at::allclose(a, b, 1e-5, 1e-5); }

}  // namespace

TEST_CASE("batch norm equals the recorded training step") {
  Host host;
  const auto& norm = extension<ssp_batch_norm>(host, SSP_EXT_BATCH_NORM);
  for (const auto& path : reference::family("batchnorm_", ".json")) {
    const Json meta = read_json_file(path, "fixture");
    const checkpoint::SafetensorsFile file(reference::tensors_of(path).string());
    for (const auto& [name, spec] : meta.get("cases").as_object()) {
      INFO(path << " " << name);
      const Values v{file, name + "/"};
      const size_t ranks = spec.get("split").as_array().size();
      at::Tensor x = v.over_ranks("input", ranks).set_requires_grad(true);
      const bool affine = v.has("weight");
      at::Tensor weight, bias;
      if (affine) {
        weight = v("weight").set_requires_grad(true);
        bias = v("bias").set_requires_grad(true);
      }
      at::Tensor mean = v("running_mean0"), var = v("running_var0"), count = at::zeros({}, at::kLong);
      Window window(host);
      std::vector<ssp_tensor> h;
      for (const at::Tensor& t : {x, weight, bias, mean, var, count}) h.push_back(give(host, t));
      ssp_tensor out;
      const ssp_batch_norm_args args{sizeof args,
                                     SSP_SYNC_RANKS,
                                     h[0],
                                     h[1],
                                     h[2],
                                     h[3],
                                     h[4],
                                     h[5],
                                     meta.get("momentum").as_double(),
                                     meta.get("eps").as_double()};
      REQUIRE(norm.forward(window.call(), &args, &out) == SSP_OK);
      const at::Tensor y = peek(out);
      release(out);
      CHECK(close(y, v.over_ranks("output", ranks)));
      y.backward(v.over_ranks("grad_output", ranks));
      CHECK(close(x.grad(), v.over_ranks("grad_input", ranks)));
      CHECK(close(mean, v("running_mean1")));
      CHECK(close(var, v("running_var1")));
      CHECK(count.item<int64_t>() == meta.get("num_batches_tracked").as_int());
      if (affine) {
        CHECK(close(weight.grad(), v("grad_weight_sum_over_ranks")));
        CHECK(close(bias.grad(), v("grad_bias_sum_over_ranks")));
      }
      for (ssp_tensor t : h) {
        if (t.id) release(t);
      }
    }
  }
}

}  // namespace selfsup::bridge::testing
