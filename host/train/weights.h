// Weights from elsewhere, for --load-from: of another run, another program, another image size. Knows the model by its
// names and what files hold as bytes.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "checkpoint/strict_report.h"
#include "exchange/match.h"
#include "exchange/weights.h"
#include "model/store.h"

namespace selfsup::train {

// As of bridge::Algorithm::export_names.
using ExportNames = std::function<exchange::NamePairs(const std::string& format)>;

struct Sides {
  int64_t height = 1, width = 1;
};

struct LoadReport {
  checkpoint::StrictReport names;                    // by own names; unexpected ones by the file's
  std::string format, prefix, ignored;               // as in exchange::Match and exchange::Weights
  std::vector<std::string> made_anew, interpolated;  // tables of positions of another image size
  std::vector<std::pair<std::string, size_t>> untouched;

  std::string text() const;  // the counts, what is particular, then a line a name, not all of many
};

// Values of the model's tensors; another dtype is converted. What the file does not have keeps its value, what it has
// beside is left. Of the tensors of floating point in those components that the file has anything of, this share must
// be there: fewer are Error(checkpoint), and so is another shape, with the report; nothing has been changed then. A
// fixed table of positions of another length stays as it was made for this model; a trained one is interpolated
// (bicubic, the tokens before it unchanged), where both grids are square, or have the sides' ratio of `images`, the
// model's own. component: the one that is filled; "": all.
inline constexpr double least_share = 0.9;
LoadReport load_weights(model::ParameterStore& model, const exchange::Weights& weights, const ExportNames& export_names,
                        const Sides& images = {}, const std::string& component = "");

}  // namespace selfsup::train
