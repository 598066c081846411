import Foundation

/// The scripts of `Tests/Python`, by which other people's readers and engines judge our files.
package enum Python {
  /// DOWNLINK_PYTHON, else the environment that `make setup` makes.
  package static var interpreter: String {
    ProcessInfo.processInfo.environment["DOWNLINK_PYTHON"]
      ?? Repository.path(".venv/bin/python")
  }

  /// The absolute path of `Tests/Python/<script>`.
  package static func path(_ script: String) -> String {
    Repository.path("Tests/Python/" + script)
  }

  /// Runs a script whatever its verdict: its exit code and everything it printed.
  package static func run(
    _ script: String, _ arguments: [String], input: [UInt8]? = nil
  ) throws -> Program.Outcome {
    try Program.run(interpreter, [path(script)] + arguments, input: input, errorsToo: true)
  }

  /// What a script prints; one that ends with an error is an error with its words.
  package static func output(
    of script: String, _ arguments: [String], input: [UInt8]? = nil
  ) throws -> [UInt8] {
    try Program.run(interpreter, [path(script)] + arguments, input: input).successful().bytes
  }
}
