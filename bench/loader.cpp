// The data loader as training runs it, from files to batches, for bench/loader, which starts it beside its peers and
// lets them take turns. Commands on stdin, one JSON line on stdout for each:
//   run          epochs for a second, since the ends of a single one, where threads run dry, would count too much:
//                {"cpu": seconds, "wall": seconds, "images": …}
//   limits       what an epoch cannot do without, {"entropy": s, "decode": s}: of all files, the Huffman decoding and
//   the
//                whole decoding; {"bottom": …, "area": …}: of an epoch's images, how much of the height is to be read,
//                and of the area, decoded
//   quit         {"peak_mib": …}, and ends
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
// jpeglib.h needs the two above.
#include <jpeglib.h>

#include <iostream>

#include "config/schema.h"
#include "data/codecs/codec.h"
#include "data/file.h"
#include "data/loader/loader.h"

using namespace selfsup;

namespace {

// SimCLR's colours behind crop and flip, of strength 0.8 for jitter and 0.2 for the hue.
class Colours : public data::ViewTransform {
 public:
  void apply(data::Sample& sample, int view, data::SampleRandom& random) const override {
    const auto edit = [&](uint32_t kind, double value) {
      sample.views[static_cast<size_t>(view)].append({kind, 0, {value}});
    };
    if (random.uniform() < 0.8) {
      std::array<uint32_t, 4> kinds = {SSP_EDIT_BRIGHTNESS, SSP_EDIT_CONTRAST, SSP_EDIT_SATURATION, SSP_EDIT_HUE};
      for (size_t i = kinds.size(); i > 1; --i) std::swap(kinds[i - 1], kinds[random.below(i)]);
      for (const uint32_t kind : kinds)
        edit(kind, kind == SSP_EDIT_HUE ? random.uniform(-0.2, 0.2) : random.uniform(0.2, 1.8));
    }
    if (random.uniform() < 0.2) edit(SSP_EDIT_GREY, 0);
    if (random.uniform() < 0.5) edit(SSP_EDIT_BLUR, random.uniform(0.1, 2));
  }
};

// Both record the boxes of their crops, which costs a few bytes an image.
constexpr char kMae[] =
    R"([{"type": "RandomResizedCrop", "size": 224, "scale": [0.2, 1.0], "interpolation": "bicubic", "record": true},
                            {"type": "RandomFlip"}])";
constexpr char kSimclr[] = R"([{"type": "MultiView", "num_views": 2, "transforms": [[
                               {"type": "RandomResizedCrop", "size": 224, "record": true}, {"type": "RandomFlip"}, {"type": "Colours"}]]}])";

data::Pipeline make_pipeline(const std::string& recipe) {
  static const Json any = config::parse_schema(R"({"type": "object"})", "bench");
  static const Json list = config::parse_schema(
      R"({"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}})", "bench");
  const config::ComponentSchemas schemas{[](std::string_view, std::string_view type) {
                                           const data::TransformType* own = data::transform_types().find(type);
                                           return own ? &own->schema : &any;
                                         },
                                         [](std::string_view) { return std::vector<std::string>{}; }};
  if (recipe != "mae" && recipe != "simclr") throw std::runtime_error("recipes are mae and simclr, not " + recipe);
  Json spec = parse_json(recipe == "mae" ? kMae : kSimclr, recipe, "bench");
  config::throw_if_any(config::validate(spec, list, "pipeline", schemas));
  return data::Pipeline(spec, [](const Json&) { return std::make_unique<Colours>(); });
}

std::unique_ptr<data::Dataset> open_folder(const std::string& folder) {
  Json spec = Json::object();
  spec.set("type", data::kDefaultDataset);
  spec.set("data_root", folder);
  config::throw_if_any(config::validate(spec, data::dataset_types().get(data::kDefaultDataset).schema, "", {}));
  return data::make_dataset(spec);
}

double seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <class Body>
double cpu_of(const Body& body) {
  const double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
  body();
  return seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
}

void read_coefficients(const std::vector<uint8_t>& jpeg) {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, jpeg.data(), jpeg.size());
  jpeg_read_header(&info, TRUE);
  // As when scanlines are skipped: nothing is kept.
  jpeg_start_decompress(&info);
  jpeg_skip_scanlines(&info, info.output_height - 1);
  jpeg_destroy_decompress(&info);
}

class Bench {
 public:
  Bench(const std::string& folder, const std::string& recipe, int threads)
      : dataset_(open_folder(folder)),
        pipeline_(make_pipeline(recipe)),
        loader_(*dataset_, pipeline_, {.batch_size = 32, .num_workers = threads}) {}

  std::string run() {
    data::Batch batch;
    int64_t images = 0;
    const double start = seconds(CLOCK_MONOTONIC);
    const double cpu = cpu_of([&] {
      do {
        loader_.start(epoch_++);
        while (loader_.next(batch)) {
          images += batch.size;
          look_at(batch);
        }
      } while (seconds(CLOCK_MONOTONIC) < start + 1);
    });
    return fmt::format(R"({{"cpu": {}, "wall": {}, "images": {}}})", cpu, seconds(CLOCK_MONOTONIC) - start, images);
  }

  std::string limits() {
    std::vector<std::vector<uint8_t>> files(static_cast<size_t>(dataset_->size()));
    for (int64_t i = 0; i < dataset_->size(); ++i)
      data::read_regular_file(dataset_->describe(i), data::kMaxImageFileBytes, files[static_cast<size_t>(i)]);
    data::Image image;
    const double entropy = cpu_of([&] { std::for_each(files.begin(), files.end(), read_coefficients); });
    const double decode = cpu_of([&] {
      for (const auto& file : files) data::decode_image(file, {}, image);
    });
    return fmt::format(R"({{"entropy": {}, "decode": {}, "bottom": {}, "area": {}}})", entropy, decode,
                       bottom_ / static_cast<double>(seen_), area_ / static_cast<double>(seen_));
  }

 private:
  // Of each image the part that all its views together need.
  void look_at(const data::Batch& batch) {
    for (int64_t i = 0; i < batch.size; ++i) {
      int32_t top = INT32_MAX, left = INT32_MAX, bottom = 0, right = 0, height = 1, width = 1;
      for (const data::BatchField& field : batch.fields) {
        const auto* box = reinterpret_cast<const int32_t*>(field.data.get()) + 6 * i;
        top = std::min(top, box[0]), left = std::min(left, box[1]);
        bottom = std::max(bottom, box[0] + box[2]), right = std::max(right, box[1] + box[3]);
        height = box[4], width = box[5];
      }
      bottom_ += static_cast<double>(bottom) / height;
      area_ += static_cast<double>(bottom - top) * (right - left) / (static_cast<double>(height) * width);
      ++seen_;
    }
  }

  std::unique_ptr<data::Dataset> dataset_;
  data::Pipeline pipeline_;
  data::Loader loader_;
  uint64_t epoch_ = 0;
  double bottom_ = 0, area_ = 0;
  int64_t seen_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw std::runtime_error("usage: bench_loader FOLDER RECIPE THREADS");
    Bench bench(argv[1], argv[2], std::stoi(argv[3]));
    for (std::string command; std::getline(std::cin, command);) {
      if (command == "quit") {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        std::cout << fmt::format(R"({{"peak_mib": {}}})", usage.ru_maxrss / 1024) << std::endl;
        return 0;
      }
      std::cout << (command == "limits" ? bench.limits() : bench.run()) << std::endl;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_loader: " << error.what() << "\n";
    return 1;
  }
}
