// ssp.batch_norm against recorded values (families batchnorm_*): one process that holds all ranks' rows, and as many
// ranks as there were.
#include <mutex>

#include "bridge/support/window.h"
#include "checkpoint/safetensors.h"
#include "ranks.h"
#include "reference.h"

namespace selfsup::bridge::testing {
namespace {

struct Values {
  const checkpoint::SafetensorsFile& file;
  std::string prefix;
  bool has(const std::string& name) const { return file.find(prefix + name) != nullptr; }
  at::Tensor operator()(const std::string& name) const {
    const checkpoint::TensorView* view = file.find(prefix + name);
    if (!view || view->dtype != "F32") throw std::runtime_error("no f32 " + prefix + name);
    at::Tensor t = at::empty(view->shape, at::kFloat);
    std::memcpy(t.mutable_data_ptr(), view->data, view->bytes);
    return t;
  }
  at::Tensor of_rank(size_t rank, const std::string& name) const {
    return (*this)("rank" + std::to_string(rank) + "/" + name);
  }
  at::Tensor over_ranks(const std::string& name, size_t ranks) const {
    std::vector<at::Tensor> parts;
    for (size_t r = 0; r < ranks; ++r) parts.push_back(of_rank(r, name));
    return at::cat(parts);
  }
};

bool close(const at::Tensor& a, const at::Tensor& b) { return at::allclose(a, b, 1e-5, 1e-5); }

// A training step of a layer with the recorded parameters, by the table.
struct Step {
  at::Tensor x, weight, bias, mean, var, count = at::zeros({}, at::kLong), y;
  ssp_status status;

  Step(const Host& host, const Json& meta, const Values& v, const at::Tensor& input, const at::Tensor& gradient,
       uint32_t sync = SSP_SYNC_RANKS)
      : x(input.set_requires_grad(true)), mean(v("running_mean0")), var(v("running_var0")) {
    if (v.has("weight")) {
      weight = v("weight").set_requires_grad(true);
      bias = v("bias").set_requires_grad(true);
    }
    Window window(host);
    std::vector<ssp_tensor> h;
    for (const at::Tensor& t : {x, weight, bias, mean, var, count})
      h.push_back(t.defined() ? give(host, t) : ssp_tensor{0});
    ssp_tensor out;
    const ssp_batch_norm_args args{sizeof args,
                                   sync,
                                   h[0],
                                   h[1],
                                   h[2],
                                   h[3],
                                   h[4],
                                   h[5],
                                   meta.get("momentum").as_double(),
                                   meta.get("eps").as_double()};
    const void* norm = host.table()->get_extension(host.table(), SSP_EXT_BATCH_NORM);
    status = static_cast<const ssp_batch_norm*>(norm)->forward(window.call(), &args, &out);
    for (ssp_tensor t : h)
      if (t.id) release(t);
    if (status != SSP_OK) throw std::runtime_error(error_text());
    y = peek(out);
    release(out);
    y.backward(gradient);
  }
};

}  // namespace

TEST_CASE("batch norm equals the recorded training step") {
  for (const auto& path : reference::family("batchnorm_", ".json")) {
    const Json meta = read_json_file(path, "fixture");
    const checkpoint::SafetensorsFile file(reference::tensors_of(path).string());
    for (const auto& [name, spec] : meta.get("cases").as_object()) {
      INFO(path << " " << name);
      const Values v{file, name + "/"};
      const size_t ranks = spec.get("split").as_array().size();
      const Host host;
      const Step step(host, meta, v, v.over_ranks("input", ranks), v.over_ranks("grad_output", ranks));
      CHECK(close(step.y, v.over_ranks("output", ranks)));
      CHECK(close(step.x.grad(), v.over_ranks("grad_input", ranks)));
      CHECK(close(step.mean, v("running_mean1")));
      CHECK(close(step.var, v("running_var1")));
      CHECK(step.count.item<int64_t>() == meta.get("num_batches_tracked").as_int());
      if (v.has("weight")) {
        CHECK(close(step.weight.grad(), v("grad_weight_sum_over_ranks")));
        CHECK(close(step.bias.grad(), v("grad_bias_sum_over_ranks")));
      }
    }
  }
}

TEST_CASE("synchronised batch norm equals the recorded training step of each rank, by its own word or the run's") {
  const uint32_t sync = GENERATE(uint32_t{SSP_SYNC_RANKS}, uint32_t{SSP_SYNC_AS_RUN});
  for (const auto& path : reference::family("batchnorm_", ".json")) {
    const Json meta = read_json_file(path, "fixture");
    const checkpoint::SafetensorsFile file(reference::tensors_of(path).string());
    for (const auto& [name, spec] : meta.get("cases").as_object()) {
      const Values v{file, name + "/"};
      std::mutex checks;
      test::ThreadRanks(static_cast<int>(spec.get("split").as_array().size()))
          .run([&](const distributed::Group& group) {
            const auto rank = static_cast<size_t>(group.rank());
            Host host;
            host.set_environment({.group = &group, .sync_batch_norm = sync == SSP_SYNC_AS_RUN});
            const Step step(host, meta, v, v.of_rank(rank, "input"), v.of_rank(rank, "grad_output"), sync);
            const std::lock_guard lock(checks);
            INFO(path << " " << name << " rank " << rank);
            CHECK(close(step.y, v.of_rank(rank, "output")));
            CHECK(close(step.x.grad(), v.of_rank(rank, "grad_input")));
            CHECK(close(step.mean, v("running_mean1")));
            CHECK(close(step.var, v("running_var1")));
            CHECK(step.count.item<int64_t>() == meta.get("num_batches_tracked").as_int());
            if (v.has("weight")) {
              CHECK(close(step.weight.grad(), v.of_rank(rank, "grad_weight_local")));
              CHECK(close(step.bias.grad(), v.of_rank(rank, "grad_bias_local")));
            }
          });
    }
  }
}

TEST_CASE("batch norm is each rank's own where the run does not synchronise it, as a BN of MMSelfSup's") {
  for (const auto& path : reference::family("batchnorm_", ".json")) {
    const Json meta = read_json_file(path, "fixture");
    const checkpoint::SafetensorsFile file(reference::tensors_of(path).string());
    const std::string name = meta.get("cases").as_object().front().first;
    const Values v{file, name + "/"};
    std::mutex checks;
    test::ThreadRanks(2).run([&](const distributed::Group& group) {
      const auto rank = static_cast<size_t>(group.rank());
      Host host, alone;
      host.set_environment({.group = &group});
      const auto step_on = [&](const Host& on) {
        return Step(on, meta, v, v.of_rank(rank, "input"), v.of_rank(rank, "grad_output"), SSP_SYNC_AS_RUN);
      };
      const Step among = step_on(host), single = step_on(alone);
      const std::lock_guard lock(checks);
      INFO(path << " " << name << " rank " << rank);
      CHECK(at::equal(among.y, single.y));
      CHECK(at::equal(among.mean, single.mean));
      CHECK(at::equal(among.var, single.var));
    });
  }
}

}  // namespace selfsup::bridge::testing
