import Base
import TestSupport

/// Runs `Tests/Python/maintenance.py`: what another engine says of a table, and does to it.
enum Rival {
  /// - Parameter command: `rows`, `optimize` or `delete`.
  static func run(_ command: String, _ table: String) throws -> JSONValue {
    try JSONValue(parsing: Python.output(of: "maintenance.py", [command, table]))
  }
}
