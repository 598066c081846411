import Foundation

/// Other people's programs, which judge what we wrote.
package enum Program {
  /// What a program that ran to its end left behind.
  package struct Outcome {
    package let code: Int32
    package let bytes: [UInt8]

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// What it said, where it ended well; its words are the error where it did not.
    package func successful() throws -> Outcome {
      if code == 0 { return self }
      throw Failure(description: "ended with \(code): \(text.prefix(3000))")
    }
  }

  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// Runs a program and waits for its end.
  /// - Parameters:
  ///   - input: what it reads; nil leaves it the test's own standard input.
  ///   - errorsToo: whether what it says on standard error is part of the outcome; else it is
  ///     seen in the log of the tests.
  package static func run(
    _ path: String, _ arguments: [String], input: [UInt8]? = nil, errorsToo: Bool = false
  ) throws -> Outcome {
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw Failure(description: "no \(path): run make setup")
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    // A file and not a pipe: a program that writes before it has read everything blocks nobody.
    let inputFile = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-input-" + UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: inputFile) }
    if let input {
      try Data(input).write(to: inputFile)
      process.standardInput = try FileHandle(forReadingFrom: inputFile)
    }
    let pipe = Pipe()
    process.standardOutput = pipe
    if errorsToo { process.standardError = pipe }
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(code: process.terminationStatus, bytes: [UInt8](output))
  }

  /// The path of a program that the PATH finds.
  package static func find(_ name: String) throws -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    for folder in path.split(separator: ":") {
      let candidate = "\(folder)/\(name)"
      if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
    }
    throw Failure(description: "\(name) is not on the PATH: run make setup")
  }
}
