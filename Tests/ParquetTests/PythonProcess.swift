import Foundation

/// Runs the repository's Python scripts, which read files with other people's Parquet readers.
enum PythonProcess {
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

  /// The interpreter: DOWNLINK_PYTHON, else the environment that `make setup` makes.
  static var interpreter: URL {
    if let path = ProcessInfo.processInfo.environment["DOWNLINK_PYTHON"] {
      return URL(fileURLWithPath: path)
    }
    return packageRoot.appendingPathComponent(".venv/bin/python")
  }

  /// Runs `Tests/Python/<script>` and returns its exit code and everything it printed.
  static func run(_ script: String, _ arguments: [String]) throws -> (code: Int32, output: String) {
    guard FileManager.default.isExecutableFile(atPath: interpreter.path) else {
      return (-1, "no Python interpreter at \(interpreter.path): run make setup")
    }
    let process = Process()
    let pipe = Pipe()
    process.executableURL = interpreter
    let path = packageRoot.appendingPathComponent("Tests/Python/\(script)").path
    process.arguments = [path] + arguments
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
