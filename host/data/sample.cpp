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
