import Base
import Foundation

/// Runs the scripts of Tests/Python, by which other people's engines judge our tables.
enum Python {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Runs `delta_log.py` with arguments and standard input, and parses what it prints.
  static func deltaLog(_ arguments: [String], input: JSONValue = .null) throws -> JSONValue {
    let inputFile = NSTemporaryDirectory() + "downlink-input-" + UUID().uuidString
    let outputFile = inputFile + ".out"
    defer {
      try? FileManager.default.removeItem(atPath: inputFile)
      try? FileManager.default.removeItem(atPath: outputFile)
    }
    try Data(input.bytes).write(to: URL(fileURLWithPath: inputFile))
    try Data().write(to: URL(fileURLWithPath: outputFile))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try interpreter())
    process.arguments = [packageFolder("Tests") + "/Tests/Python/delta_log.py"] + arguments
    process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: inputFile))
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: outputFile))
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "delta_log.py \(arguments) ended with an error, see above")
    }
    return try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: outputFile))))
  }

  private static func interpreter() throws -> String {
    let environment = ProcessInfo.processInfo.environment["DOWNLINK_PYTHON"]
    let path = environment ?? packageFolder(".venv") + "/.venv/bin/python"
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw Failure(description: "no Python at \(path): run make setup")
    }
    return path
  }

  /// The nearest folder above this file that holds `name`.
  private static func packageFolder(_ name: String) -> String {
    var folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    while folder.path != "/" {
      if FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path) {
        return folder.path
      }
      folder.deleteLastPathComponent()
    }
    return "."
  }
}
