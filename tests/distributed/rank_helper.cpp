// One rank of a run, as a process that tests start, kill and stop:
//   rank_helper MODE RANK WORLD PORT LISTENER JOB PATIENCE_MS [KEY=VALUE …]
// MODE: what it does, below. PORT, LISTENER: the meeting's. Keys: address, several=1, served=1, and those of the mode.
// Writes lines to stdout; an Error is its text and its exit code.
#include <ATen/Parallel.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <iostream>
#include <map>

#include "base/errors.h"
#include "rank_modes.h"

using namespace selfsup::distributed::testing;

int main(int count, char** words) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  at::set_num_threads(1);
  if (count < 8) return 64;
  Told told;
  told.ranks.launcher = selfsup::launch::Launcher::local;
  told.ranks.rank = told.ranks.local_rank = std::atoi(words[2]);
  told.ranks.world = told.ranks.local_world = std::atoi(words[3]);
  told.ranks.job = words[6];
  told.meeting.address = "127.0.0.1";
  told.meeting.port = std::atoi(words[4]);
  told.meeting.listener = std::atoi(words[5]);
  told.patience = std::chrono::milliseconds(std::atoi(words[7]));
  for (int i = 8; i < count; ++i) {
    const std::string word = words[i];
    const size_t equals = word.find('=');
    told.more.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    const auto& [key, value] = told.more.back();
    if (key == "address") told.meeting.address = value;
    if (key == "several") told.meeting.one_machine = false;
    if (key == "served") told.meeting.served = true;
  }
  const std::map<std::string, void (*)(const Told&)> modes = {
      {"meet", meet},   {"collectives", collectives}, {"listen", show_listeners}, {"loop", loop},
      {"leave", leave}, {"linger", linger},           {"freeze", freeze},         {"agree", agree}};
  try {
    modes.at(words[1])(told);
    return 0;
  } catch (const selfsup::Error& e) {
    std::cout << e.what() << std::endl;
    return static_cast<int>(e.exit());
  } catch (const std::exception& e) {
    std::cout << "exception: " << e.what() << std::endl;
    return 70;
  }
}
