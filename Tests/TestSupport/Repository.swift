package import Foundation

/// The repository that the tests stand in.
package enum Repository {
  /// The folder that holds Package.swift, found from this file upwards.
  package static let root: URL = {
    var folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    while folder.path != "/" {
      let package = folder.appendingPathComponent("Package.swift").path
      if FileManager.default.fileExists(atPath: package) { return folder }
      folder.deleteLastPathComponent()
    }
    return folder
  }()

  /// The absolute path of a file of the repository.
  package static func path(_ relativePath: String) -> String {
    root.appendingPathComponent(relativePath).path
  }

  /// The text of a file of the repository.
  package static func text(of relativePath: String) throws -> String {
    try String(contentsOfFile: path(relativePath), encoding: .utf8)
  }
}
