import Foundation
import Storage

/// A POSIX root in a fresh folder, removed with everything in it at the end.
final class TemporaryRoot: Sendable {
  let path: String
  let storage: POSIXStorage

  init() throws {
    path = NSTemporaryDirectory() + "downlink-tests-" + UUID().uuidString
    storage = try POSIXStorage(root: path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
