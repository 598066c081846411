import Base
import TestSupport

/// Runs Tests/Python/validate_config.py: another implementation of JSON Schema over our schema.
enum SchemaValidator {
  /// The faults that the schema finds in each text; nil for one that is no YAML.
  static func faults(of texts: [String]) throws -> [[String]?] {
    let output = try Python.output(
      of: "validate_config.py", [Repository.path("config/downlinkd.schema.json")],
      input: JSONValue.array(texts.map { .string($0) }).bytes)
    return try JSONValue(parsing: output).arrayValue?.map { faults in
      faults.arrayValue?.compactMap(\.stringValue)
    } ?? []
  }
}
