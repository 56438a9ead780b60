"""How the lowered tree names the operators of libcst."""

from __future__ import annotations

import libcst as cst

COMPARISON_OPERATORS: dict[type[cst.CSTNode], str] = {
    cst.LessThan: "<",
    cst.GreaterThan: ">",
    cst.Equal: "==",
    cst.LessThanEqual: "<=",
    cst.GreaterThanEqual: ">=",
    cst.NotEqual: "!=",
    cst.In: "in",
    cst.NotIn: "not in",
    cst.Is: "is",
    cst.IsNot: "is not",
}

UNARY_KINDS: dict[type[cst.CSTNode], str] = {
    cst.Plus: "unary:+",
    cst.Minus: "unary:-",
    cst.BitInvert: "unary:~",
}

BINARY_KINDS: dict[type[cst.CSTNode], str] = {
    cst.Add: "binary:+",
    cst.Subtract: "binary:-",
    cst.Multiply: "binary:*",
    cst.Divide: "binary:/",
    cst.FloorDivide: "binary://",
    cst.Modulo: "binary:%",
    cst.Power: "binary:**",
    cst.LeftShift: "binary:<<",
    cst.RightShift: "binary:>>",
    cst.BitOr: "binary:|",
    cst.BitAnd: "binary:&",
    cst.BitXor: "binary:^",
    cst.MatrixMultiply: "binary:@",
}

AUGMENTED_OPERATORS: dict[type[cst.CSTNode], str] = {
    cst.AddAssign: "+=",
    cst.SubtractAssign: "-=",
    cst.MultiplyAssign: "*=",
    cst.MatrixMultiplyAssign: "@=",
    cst.DivideAssign: "/=",
    cst.FloorDivideAssign: "//=",
    cst.ModuloAssign: "%=",
    cst.PowerAssign: "**=",
    cst.BitAndAssign: "&=",
    cst.BitOrAssign: "|=",
    cst.BitXorAssign: "^=",
    cst.LeftShiftAssign: "<<=",
    cst.RightShiftAssign: ">>=",
}
