// Weights with which parts of the model begin, where MMSelfSup's configurations have them: `init_cfg` of type
// "Pretrained". Knows no tensor.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace selfsup::config {

struct Pretrained {
  std::string component;           // "backbone"; "": the whole model
  std::string key;                 // with its place, for messages: "c.json:3:5: model.backbone.init_cfg"
  std::string checkpoint, prefix;  // prefix: of the names in the file that count; "": all
};

// The init_cfg of the model ("") and of its components that say Pretrained, as written.
using InitCfgs = std::vector<std::pair<std::string, Json>>;

// Takes what says Pretrained out of the node `model`: the schemas of components know nothing of it.
InitCfgs set_aside_pretrained(Json& model);
void put_back(Json& model, const InitCfgs& aside);

// Error(usage) for one that is wrong, or whose file is not there.
std::vector<Pretrained> read_pretrained(const InitCfgs& aside);

}  // namespace selfsup::config
