// The optimizers that there are. To add one, write a file that defines its function, and name this twice here.
#include "train/optimizers/optimizer.h"

namespace selfsup::train {

OptimizerType adam(), adamw(), sgd(), lars();

const Registry<OptimizerType>& optimizer_types() {
  static const Registry<OptimizerType> types({adam(), adamw(), sgd(), lars()});
  return types;
}

}  // namespace selfsup::train
