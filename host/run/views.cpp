#include <memory>

#include "cli/output.h"
#include "evaluate/views.h"
#include "run/commands.h"
#include "run/data.h"
#include "run/picture_path.h"
#include "run/prepared.h"
#include "run/settings.h"

namespace selfsup::run {

int views_command(const cli::CommandLine& line) {
  const std::unique_ptr<Prepared> prepared = prepare(line);
  const Settings settings = settle(prepared->config, line);
  const Data data = open_data(*prepared, settings.config);
  const std::string path = picture_path(line, settings.config, "views.png");
  // A seed that nobody gave would be drawn by a run; these are the views of one such run.
  evaluate::write_png(path,
                      evaluate::draw_views(*data.dataset, data.pipeline, data.views, settings.config.seed.value_or(0)));
  print_out(path + "\n");
  return 0;
}

}  // namespace selfsup::run
