import Foundation
import TestSupport

/// Certificates made by openssl in a folder: an authority, and what it vouches for.
struct Certificates: Sendable {
  struct Failure: Error {
    let output: String
  }

  /// Held, for it goes with its value.
  private let scratch: ScratchFolder
  private var folder: String { scratch.path }

  /// Makes the authority.
  init(in folder: ScratchFolder) throws {
    scratch = folder
    try Self.openssl([
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
      "-days", "30", "-subj", "/CN=authority", "-keyout", "\(folder.path)/ca.key",
      "-out", "\(folder.path)/ca.pem",
    ])
  }

  var authority: String { "\(folder)/ca.pem" }

  func certificate(_ name: String) -> String { "\(folder)/\(name).pem" }
  func key(_ name: String) -> String { "\(folder)/\(name).key" }

  /// A certificate for localhost and 127.0.0.1, or whatever the authority vouches for besides.
  func make(_ name: String) throws {
    try Self.openssl([
      "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
      "-subj", "/CN=\(name)", "-keyout", key(name), "-out", "\(folder)/\(name).csr",
    ])
    let extensions = "\(folder)/extensions"
    try "subjectAltName=DNS:localhost,IP:127.0.0.1\n".write(
      toFile: extensions, atomically: true, encoding: .utf8)
    try Self.openssl([
      "x509", "-req", "-in", "\(folder)/\(name).csr", "-CA", authority, "-CAkey",
      "\(folder)/ca.key", "-CAcreateserial", "-days", "30", "-extfile", extensions,
      "-out", certificate(name),
    ])
  }

  private static func openssl(_ arguments: [String]) throws {
    let outcome = try Program.run("/usr/bin/openssl", arguments, input: [], errorsToo: true)
    guard outcome.code == 0 else { throw Failure(output: outcome.text) }
  }
}

/// curl, which is nobody of ours: the answer's code, and what it printed.
func curl(_ arguments: [String]) async throws -> (code: Int, output: String) {
  try await onThread {
    let outcome = try Program.run(
      "/usr/bin/curl",
      ["--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}"] + arguments,
      input: [], errorsToo: true)
    let code = outcome.text.split(separator: "\n").last.flatMap { Int($0) } ?? 0
    return (outcome.code == 0 ? code : -Int(outcome.code), outcome.text)
  }
}
