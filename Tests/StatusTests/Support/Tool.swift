import Foundation

/// Other people's programs, which judge what we wrote.
enum Tool {
  /// The folder that holds Package.swift, found from this file upwards.
  static let packageRoot: URL = {
    var folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    while folder.path != "/" {
      let package = folder.appendingPathComponent("Package.swift").path
      if FileManager.default.fileExists(atPath: package) { return folder }
      folder.deleteLastPathComponent()
    }
    return folder
  }()

  /// A document of the repository.
  static func document(_ path: String) throws -> String {
    try String(contentsOf: packageRoot.appendingPathComponent(path), encoding: .utf8)
  }

  /// Feeds `input` to a script of the repository, run by the interpreter of the tests.
  static func runPython(
    _ script: String, input: [UInt8]
  ) throws -> (code: Int32, output: String) {
    let own = packageRoot.appendingPathComponent(".venv/bin/python").path
    let python = ProcessInfo.processInfo.environment["DOWNLINK_PYTHON"] ?? own
    return try run(python, [packageRoot.appendingPathComponent(script).path], input: input)
  }

  /// Feeds `input` to a program and returns its exit code and everything it printed. A missing
  /// program is exit code -1 and a hint.
  static func run(
    _ program: String, _ arguments: [String], input: [UInt8]
  ) throws -> (code: Int32, output: String) {
    guard FileManager.default.isExecutableFile(atPath: program) else {
      return (-1, "no \(program): run make setup")
    }
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-\(UUID().uuidString)")
    try Data(input).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: file)
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }
}
