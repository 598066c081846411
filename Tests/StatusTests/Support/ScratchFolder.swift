import Foundation

/// A new folder with a short path, as sockets need it; gone with the value.
final class ScratchFolder: Sendable {
  let path: String

  init() {
    let name = "downlink-\(UUID().uuidString.prefix(8))"
    path = NSTemporaryDirectory() + name
    // Its absence shows in the first use.
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// What lies in it, or in a folder of it.
  func names(in folder: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)").sorted()) ?? []
  }

  /// The permission bits and the kind of a file in it; nil where there is none.
  func mode(of name: String) -> UInt32? {
    var about = stat()
    return unsafe lstat("\(path)/\(name)", &about) == 0 ? about.st_mode : nil
  }
}
