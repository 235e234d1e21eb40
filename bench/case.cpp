#include "case.h"

namespace selfsup::bench {

Case::Case(const Json& j)
    : plugin(j.get("plugin").as_string()),
      model(j.get("model")),
      optimizer(j.get("optimizer")),
      paramwise(j.get("paramwise")),
      sizes(j.get("sizes")),
      image(j.get("image").as_int()),
      channels(j.get("channels").as_int()),
      views(j.get("views").as_int()),
      batch(j.get("batch").as_int()),
      noise(j.get("noise").as_int()),
      bf16(j.get("bf16").as_bool()),
      channels_last(j.get("channels_last").as_bool()) {}

}  // namespace selfsup::bench
