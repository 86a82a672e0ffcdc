"""A stand-in of Signalen: the part of its private API that creates reports and adds to them."""
