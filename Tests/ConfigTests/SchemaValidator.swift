import Base
import Foundation

/// Runs Tests/Python/validate_config.py: another implementation of JSON Schema over our schema.
enum SchemaValidator {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// The faults that the schema finds in each text; nil for one that is no YAML.
  static func faults(of texts: [String]) throws -> [[String]?] {
    let file = NSTemporaryDirectory() + "downlink-texts-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: file) }
    try Data(JSONValue.array(texts.map { .string($0) }).bytes).write(
      to: URL(fileURLWithPath: file))
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: try interpreter())
    process.arguments = [
      packageRoot() + "/Tests/Python/validate_config.py",
      packageRoot() + "/config/downlinkd.schema.json",
    ]
    process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
    process.standardOutput = pipe
    try process.run()
    let output = [UInt8](pipe.fileHandleForReading.readDataToEndOfFile())
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "validate_config.py ended with an error, see above")
    }
    return try JSONValue(parsing: output).arrayValue?.map { faults in
      faults.arrayValue?.compactMap(\.stringValue)
    } ?? []
  }

  private static func interpreter() throws -> String {
    let path =
      ProcessInfo.processInfo.environment["DOWNLINK_PYTHON"]
      ?? packageRoot() + "/.venv/bin/python"
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw Failure(description: "no Python at \(path): run make setup")
    }
    return path
  }
}
