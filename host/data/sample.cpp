#include "data/sample.h"

#include <utility>

namespace selfsup::data {

size_t size_of(FieldType type) {
  switch (type) {
    case FieldType::u8:
    case FieldType::boolean:
      return 1;
    case FieldType::i32:
    case FieldType::f32:
      return 4;
    case FieldType::i64:
    case FieldType::f64:
      return 8;
  }
  return 0;
}

ImageSource& Sample::open(int64_t of_index, int64_t of_label, uint64_t of_epoch) {
  views.resize(1);
  fields.clear();
  index = of_index;
  label = of_label;
  epoch = of_epoch;
  whole = nullptr;
  return views[0].blank();
}

const Field* Sample::find_field(std::string_view name, int view) const {
  for (const Field& field : fields)
    if (field.name == name && field.view == view) return &field;
  return whole != nullptr ? whole->find_field(name, view) : nullptr;
}

void Sample::set_field(Field field) {
  for (Field& old : fields) {
    if (old.name == field.name && old.view == field.view) {
      old = std::move(field);
      return;
    }
  }
  fields.push_back(std::move(field));
}

}  // namespace selfsup::data
