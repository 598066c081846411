import Base
import TestSupport

extension Python {
  /// Runs `delta_log.py`, by which other people's engines judge our tables, with arguments and
  /// standard input, and parses what it prints.
  static func deltaLog(_ arguments: [String], input: JSONValue = .null) throws -> JSONValue {
    try JSONValue(parsing: output(of: "delta_log.py", arguments, input: input.bytes))
  }
}
