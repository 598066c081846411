import Foundation
import Storage

/// A fresh folder below the system's temporary folder, removed with everything in it at the end.
final class TemporaryRoot: Sendable {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "downlink-tests-" + UUID().uuidString
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func open() throws(StorageError) -> POSIXStorage { try POSIXStorage(root: path) }
}

/// Runs `body` `count` times at once.
func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) async {
  await withTaskGroup(of: Void.self) { group in
    for index in 0..<count { group.addTask { body(index) } }
  }
}
