/** The IR version that came with each operator set from 13 on (onnx/helper.py, OP_SET_ID_VERSION_MAP). */
export function irVersionFor(opset: number): number {
  if (opset < 15) return 7;
  if (opset < 19) return 8;
  if (opset < 21) return 9;
  if (opset < 23) return 10;
  if (opset < 25) return 11;
  return opset < 26 ? 12 : 13;
}
