// What an algorithm for several ranks asks of the host, in one that can be calculated by hand: its loss passes through
// every collective. With one process all of them are the identity, and it refuses anything else.
#include <ssp/cpp/plugin.hpp>

#include <cstring>

using namespace ssp;

namespace {

void same(const Tensor& got, const Tensor& want, const char* what) {
  require(got.size(0) == want.size(0) && got.to_vector<float>() == want.to_vector<float>(),
          std::string(what) + " is not the identity");
}

class Ranks {
 public:
  static const char* schema() { return "{}"; }
  explicit Ranks(const Scope& s) : scale_(s.parameter("scale", {1}, Init::constant(2))) {}

  // The loss is six times the mean of scale * images.
  Outputs training_step(const Batch& batch, const Call& call) {
    using dist::Gradient;
    using dist::Reduce;
    const Tensor x = batch.view(0) * scale_;
    Tensor loss = x.mean();
    for (const Gradient gradient : {Gradient::none, Gradient::local_slice, Gradient::reduce_scatter}) {
      const Tensor all = dist::all_gather(call, x, gradient);
      same(all, x, "all_gather");
      if (gradient != Gradient::none) loss = loss + all.mean();
    }
    for (const Reduce op : {Reduce::sum, Reduce::avg, Reduce::max, Reduce::min})
      same(dist::all_reduce(call, x, op), x, "all_reduce");
    for (const Reduce op : {Reduce::sum, Reduce::avg})
      loss = loss + dist::all_reduce(call, x, op, Gradient::sum).mean();
    const Tensor sent = dist::broadcast(call, x.detach(), 0);
    same(sent, x, "broadcast");
    loss = loss + (sent * scale_ / scale_.detach()).mean();
    ++steps_;
    logging::info("step " + std::to_string(steps_));
    return {{"loss", loss},
            {"rank", dist::rank(call)},
            {"world", dist::world(call)},
            {"progress", call.progress(), SSP_EMIT_METRIC},
            {"steps", steps_},
            {"epochs", epochs_}};
  }

  // Both say where the run stands.
  Outputs features(const Tensor& images, const Call& call, const Names& names) const {
    tell("features", call);
    return {{names.among({"pixels"}).front(), images.flatten(1) * scale_}};
  }
  Outputs reconstruct(const Batch& batch, const Call& call) const {
    tell("reconstruct", call);
    return {{"scaled", batch.view(0) * scale_}};
  }

  void on_event(const Call&, const Event& event) { epochs_ += event.kind == SSP_EVENT_EPOCH_END; }

  // Steps are the run's, epochs a rank's own.
  std::string save_state(uint32_t scope) const {
    const int64_t& kept = scope == SSP_STATE_RANK ? epochs_ : steps_;
    return {reinterpret_cast<const char*>(&kept), sizeof kept};
  }
  void load_state(uint32_t scope, std::string_view bytes) {
    int64_t& kept = scope == SSP_STATE_RANK ? epochs_ : steps_;
    require(bytes.size() == sizeof kept, "a saved count is damaged");
    std::memcpy(&kept, bytes.data(), sizeof kept);
  }

 private:
  static void tell(const char* what, const Call& call) {
    const ssp_call_info at = call.info();
    logging::info(std::string(what) + (at.mode == SSP_MODE_EVAL ? " at " : " in training at ") +
                  std::to_string(at.iter) + "/" + std::to_string(at.max_iters) + ", update " +
                  std::to_string(at.update) + ", epoch " + std::to_string(at.epoch) + ", origin " +
                  std::to_string(at.origin));
  }

  Tensor scale_;
  int64_t steps_ = 0, epochs_ = 0;
};

}  // namespace

SSP_PLUGIN(algorithm<Ranks>("Ranks"));
