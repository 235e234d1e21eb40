#include "start/local_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/errors.h"
#include "config/files.h"
#include "config/layers.h"
#include "config/options.h"
#include "launch/launcher.h"

namespace selfsup {
namespace {

using cli::Part;
using launch::Begin;

const std::set<std::string> kOfLauncher = {"--launcher",     "--nproc-per-node", "--nnodes",     "--node-rank",
                                           "--max-restarts", "--master-addr",    "--master-port"};

// says_where: the words or the configuration say themselves where the run begins.
std::vector<std::string> words_of_rank(const std::vector<Part>& parts, Begin begin, bool says_where) {
  std::vector<std::string> words;
  // In the first place it takes no word that was meant otherwise.
  if (begin == Begin::onward || (begin == Begin::again && !says_where)) words.emplace_back("--resume=auto");
  for (const Part& part : parts) {
    const bool beginning = part.flag == "--resume" || part.flag == "--overwrite";
    if (kOfLauncher.count(part.flag) || (begin == Begin::onward && beginning)) continue;
    words.insert(words.end(), part.words.begin(), part.words.end());
  }
  return words;
}

std::string this_program() {
  std::error_code failed;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed) throw Error(Exit::failed, "/proc/self/exe cannot be read: " + failed.message() + "; mount /proc");
  return program.string();
}

}  // namespace

int run_local_ranks(const cli::CommandLine& line) {
  Json config = config::merge(Json::object(), config::load_config(line.target));
  config::apply_options(config, line.cfg_options, /*lenient=*/true);
  const Json* resume = config.find("resume");
  const bool says_where = line.resume || line.overwrite || (resume && !resume->is_null() && *resume != Json(false));
  launch::Local local;
  local.program = this_program();
  local.words = [&](Begin begin) { return words_of_rank(line.parts, begin, says_where); };
  return launch::run_ranks(local, line.ranks, launch::stated_in(config));
}

}  // namespace selfsup
