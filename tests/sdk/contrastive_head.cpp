// The head of simclr.so alone, behind one linear map: z = x W^T of two views [B, in, 1, 1]. tests/plugins compares its
// loss and its gradients with recorded ones, on one rank and on several.
#include <ssp/cpp/plugin.hpp>

#include "head.hpp"

using namespace ssp;

namespace {

class ContrastiveHeadAlone {
 public:
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "head": {
          "type": "object",
          "properties": {
            "temperature": {"type": "number"},
            "gradient": {"type": "string"}
          }
        },
        "in": {"type": "integer"},
        "out": {"type": "integer"}
      }
    })";
  }
  explicit ContrastiveHeadAlone(const Scope& s)
      : map_(s, s.get<int64_t>("in"), s.get<int64_t>("out"), false), head_(s) {}
  Outputs training_step(const Batch& batch, const Call& call) const {
    const Head::Result result = head_(map_(cat({batch.view(0), batch.view(1)}, 0).flatten(1)), call);
    return {{"loss", result.loss}, {"top1", result.top1, SSP_EMIT_METRIC}};
  }

 private:
  nn::Linear map_;
  Head head_;
};

}  // namespace

SSP_PLUGIN(algorithm<ContrastiveHeadAlone>("ContrastiveHeadAlone"));
