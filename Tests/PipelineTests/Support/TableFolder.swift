import Base
import Foundation
import Storage

/// Folders on disk that other people's readers can open, removed at the end.
final class TableFolder: Sendable {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "downlink-pipeline-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes everything of a storage in memory under `name`; returns the folder.
  func add(_ storage: MemoryStorage, as name: String) throws -> String {
    let root = "\(path)/\(name)"
    for file in storage.paths {
      let target = URL(fileURLWithPath: "\(root)/\(file)")
      try FileManager.default.createDirectory(
        at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(try storage.read(file)).write(to: target)
    }
    return root
  }

  /// Runs a script of `Tests/Python`; what it finds is an error with its words.
  @discardableResult
  static func read(
    _ arguments: [String], with script: String = "pipeline_tables.py"
  ) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try interpreter())
    process.arguments = [packageFolder("Tests") + "/Tests/Python/" + script] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: output, as: UTF8.self)
    guard process.terminationStatus == 0 else {
      throw Failure(description: "\(script): \(text.prefix(3000))")
    }
    return text
  }

  /// The rows of a root in canonical JSON, members sorted by name.
  static func rows(_ root: String) throws -> [String] {
    try read(["rows", root]).split(separator: "\n").map {
      try JSONValue(parsing: String($0)).text
    }
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
