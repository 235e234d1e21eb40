#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "base/errors.h"
#include "base/log.h"
#include "cli/output.h"
#include "evaluate/reconstruction.h"
#include "run/commands.h"
#include "run/data.h"
#include "run/picture_path.h"
#include "run/trained.h"

namespace selfsup::run {
namespace {

std::string text_of(const data::ImageShape& shape) {
  return fmt::format("{} x {} x {}", shape.height, shape.width, shape.channels);
}

}  // namespace

int reconstruct_command(const cli::CommandLine& line) {
  Trained trained(line);
  bridge::Algorithm& algorithm = trained.model.algorithm;
  if (!algorithm.can_reconstruct())
    throw Error(Exit::usage, fmt::format("{} offers no reconstruction (its plugin has no function `reconstruct`); "
                                         "`views` shows what it sees, `knn` judges its features",
                                         algorithm.label()));
  const Data data = open_data(trained.prepared(), trained.config());
  if (data.views.front() != trained.view())
    throw Error(Exit::usage,
                fmt::format("train_dataloader gives images of {} (height, width, channels), and the model has been "
                            "trained on {}",
                            text_of(data.views.front()), text_of(trained.view())));
  const std::string path = picture_path(line, trained.config(), "reconstruction.png");
  const auto drawn = evaluate::draw_reconstruction(algorithm, trained.model.preprocess, *data.dataset, data.pipeline,
                                                   trained.seed(), trained.at());
  if (!drawn)
    throw Error(Exit::data,
                "nothing was drawn: no image of train_dataloader.dataset can be used, or the algorithm gives "
                "no picture of them");
  evaluate::write_png(path, drawn->picture);
  log_info(fmt::format("drew {}; {}", path, drawn->caption));
  print_out(path + "\n");
  return 0;
}

}  // namespace selfsup::run
