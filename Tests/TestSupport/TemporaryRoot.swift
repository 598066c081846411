import Foundation
package import Storage

/// A storage root on the disk in a fresh folder, removed with everything in it at the end.
package final class TemporaryRoot: Sendable {
  package let path: String
  package let storage: POSIXStorage

  package init() throws {
    path = NSTemporaryDirectory() + "downlink-tests-" + UUID().uuidString
    storage = try POSIXStorage(root: path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
