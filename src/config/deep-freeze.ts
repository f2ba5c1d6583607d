/** Freezes a tree of objects and lists, and returns it. */
export function deepFreeze<Tree>(tree: Tree): Tree {
  if (typeof tree === 'object' && tree !== null) {
    for (const part of Object.values(tree)) deepFreeze(part)
    Object.freeze(tree)
  }
  return tree
}
