// Makes pairs of views of one JPEG as a data worker does: decode, two lists of edits, two drawings. One process serves
// one image; bench/views starts it beside its peers and lets them take turns. Commands on stdin, one JSON line on
// stdout for each:
//   run N        the next N pairs, from the first again after the last: {"cpu": seconds}
//   decode N     N decodings of the image: {"cpu": seconds}
//   entropy N    N readings of the coefficients alone, Huffman decoding without anything behind it: {"cpu": seconds}
//   views FILE   writes the pixels of all views, one after the other, as they come: {"bytes": …}
//   quit         {"peak_mib": …}, and ends
// The lists stand in a JSON file: a list of pairs, a pair two lists of edits, an edit [kind, flags, v…] (ssp/edit.h).
#include <fmt/format.h>
#include <sys/resource.h>

#include <time.h>

#include <cstddef>
#include <cstdio>
// jpeglib.h needs the two above.
#include <jpeglib.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "base/json.h"
#include "data/codecs/codec.h"
#include "data/sample.h"

using namespace selfsup;

namespace {

using Bytes = std::vector<uint8_t>;
using Pair = std::vector<std::vector<data::Edit>>;

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("no such file: " + path);
  return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

std::vector<Pair> read_pairs(const std::string& path) {
  std::vector<Pair> pairs;
  const Json list_of_pairs = read_json_file(path, "bench");
  for (const Json& views : list_of_pairs.as_array()) {
    Pair& pair = pairs.emplace_back();
    for (const Json& list : views.as_array()) {
      std::vector<data::Edit>& edits = pair.emplace_back();
      for (const Json& one : list.as_array()) {
        const Json::Array& numbers = one.as_array();
        data::Edit& edit = edits.emplace_back();
        edit.kind = static_cast<uint32_t>(numbers.at(0).as_int());
        edit.flags = static_cast<uint32_t>(numbers.at(1).as_int());
        for (size_t i = 2; i < numbers.size(); ++i) edit.v[i - 2] = numbers[i].as_double();
      }
    }
  }
  return pairs;
}

class Worker {
 public:
  Worker(Bytes jpeg, std::vector<Pair> pairs) : jpeg_(std::move(jpeg)), pairs_(std::move(pairs)) {}

  void decode() { data::decode_image(jpeg_, {}, sample_.start(0, -1, 0)); }

  const std::vector<data::View>& next_pair() {
    decode();
    const Pair& pair = pairs_[next_++ % pairs_.size()];
    sample_.views.resize(pair.size(), sample_.views[0]);
    for (size_t v = 0; v < pair.size(); ++v) {
      for (const data::Edit& edit : pair[v]) sample_.views[v].append(edit);
      sample_.views[v].pixels();
    }
    return sample_.views;
  }

  void entropy() const {
    jpeg_decompress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, jpeg_.data(), jpeg_.size());
    jpeg_read_header(&info, TRUE);
    jpeg_read_coefficients(&info);
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
  }

  size_t write(const std::string& path) {
    std::ofstream file(path, std::ios::binary);
    size_t bytes = 0;
    next_ = 0;
    for (size_t i = 0; i < pairs_.size(); ++i)
      for (const data::View& view : next_pair()) {
        const Bytes& pixels = view.image().pixels;
        file.write(reinterpret_cast<const char*>(pixels.data()), static_cast<std::streamsize>(pixels.size()));
        bytes += pixels.size();
      }
    next_ = 0;
    return bytes;
  }

 private:
  const Bytes jpeg_;
  const std::vector<Pair> pairs_;
  size_t next_ = 0;
  data::Sample sample_;
};

// Of this process alone: other work on the machine does not count.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <class Body>
double seconds_of(int count, const Body& body) {
  const double start = cpu_seconds();
  for (int i = 0; i < count; ++i) body();
  return cpu_seconds() - start;
}

void serve(Worker& worker) {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command, path;
    int count = 0;
    words >> command;
    if (command == "views") {
      words >> path;
      std::cout << fmt::format(R"({{"bytes": {}}})", worker.write(path)) << std::endl;
      continue;
    }
    if (command == "quit") {
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      std::cout << fmt::format(R"({{"peak_mib": {}}})", usage.ru_maxrss / 1024) << std::endl;
      return;
    }
    words >> count;
    const double cpu = command == "run"       ? seconds_of(count, [&] { worker.next_pair(); })
                       : command == "decode"  ? seconds_of(count, [&] { worker.decode(); })
                       : command == "entropy" ? seconds_of(count, [&] { worker.entropy(); })
                                              : throw std::runtime_error("no such command: " + command);
    std::cout << fmt::format(R"({{"cpu": {}}})", cpu) << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw std::runtime_error("usage: bench_views JPEG PAIRS.json");
    Worker worker(read_file(argv[1]), read_pairs(argv[2]));
    serve(worker);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_views: " << error.what() << "\n";
    return 1;
  }
}
